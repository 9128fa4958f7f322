"""The model of a run in MLflow: its files, its signature and the environment that loads it."""

import hashlib
import platform
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import LoggedModel, LoggedModelOutput, LoggedModelStatus, RunInfo
from mlflow.models import Model, infer_signature
from mlflow.sklearn import SERIALIZATION_FORMAT_SKOPS
from sklearn.pipeline import Pipeline

from readmit.core.model import TRUSTED_TYPES, probabilities
from readmit.core.version import MODEL_FILE

NAME = "model"
REQUIREMENTS = ("scikit-learn", "lightgbm", "skops", "pandas", "numpy")


@dataclass(frozen=True, slots=True)
class UploadedModel:
    """A model on the server, by its id, and the SHA-256 of its file: none and empty for a model that is not stored."""

    model_id: str | None
    digest: str


def log_model(
    client: MlflowClient, run: RunInfo, model: Pipeline, example: pd.DataFrame, params: Mapping[str, object]
) -> UploadedModel:
    """Upload a model as the output of a run. `example`: a few rows of its input, for the signature.

    `mlflow.sklearn.log_model` does the same, but hides the file to hash, and requests the history of every metric.
    """
    texts = {name: str(value) for name, value in params.items()}
    logged = mlflow.initialize_logged_model(NAME, run.run_id, params=texts, experiment_id=run.experiment_id)
    status = LoggedModelStatus.FAILED
    try:
        client.log_outputs(run.run_id, [LoggedModelOutput(logged.model_id, step=0)])
        with tempfile.TemporaryDirectory() as parent:
            folder = Path(parent, NAME)
            _save(logged, model, example, folder)
            digest = hashlib.sha256((folder / MODEL_FILE).read_bytes()).hexdigest()
            client.log_model_artifacts(logged.model_id, str(folder))
        status = LoggedModelStatus.READY
    finally:
        client.finalize_logged_model(logged.model_id, status)
    return UploadedModel(logged.model_id, digest)


def _save(logged: LoggedModel, model: Pipeline, example: pd.DataFrame, folder: Path) -> None:
    model_id = logged.model_id
    mlflow.sklearn.save_model(
        model,
        folder,
        mlflow_model=Model(logged.artifact_location, logged.source_run_id, model_id=model_id, model_uuid=model_id),
        signature=infer_signature(example, probabilities(model, example)),
        conda_env=_conda_env(),
        serialization_format=SERIALIZATION_FORMAT_SKOPS,
        skops_trusted_types=list(TRUSTED_TYPES),
        pyfunc_predict_fn="predict_proba",
    )


def _conda_env() -> dict[str, object]:
    """Return the environment of a model; MLflow's own would need the version of pip, which the images do not have."""
    packages = [f"{name}=={installed_version(name)}" for name in REQUIREMENTS]
    dependencies = [f"python={platform.python_version()}", "pip", {"pip": packages}]
    return {"name": "readmit", "channels": ["conda-forge"], "dependencies": dependencies}
