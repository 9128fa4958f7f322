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
from mlflow.models import Model
from mlflow.models.model import MLMODEL_FILE_NAME
from mlflow.sklearn import SERIALIZATION_FORMAT_SKOPS
from sklearn.pipeline import Pipeline

from readmit.core.feature_spec import Value
from readmit.core.model import TRUSTED_TYPES
from readmit.core.version import MODEL_FILE
from readmit.io.registry import pyfunc_model

NAME = "model"
REQUIREMENTS = ("scikit-learn", "lightgbm", "skops", "pandas", "numpy")


@dataclass(frozen=True, slots=True)
class UploadedModel:
    """A model on the server, by its id, and the SHA-256 of its file: none and empty for a model that is not stored."""

    model_id: str | None
    digest: str


def log_model(
    client: MlflowClient, run: RunInfo, model: Pipeline, example: Mapping[str, Value], params: Mapping[str, object]
) -> UploadedModel:
    """Upload a model as the output of a run. `example`: an encounter, stored with it as its input example.

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


def _save(logged: LoggedModel, pipeline: Pipeline, example: Mapping[str, Value], folder: Path) -> None:
    """Save the pipeline for `mlflow.sklearn`, and for `mlflow.pyfunc` with our own loader in place of MLflow's."""
    model_id = logged.model_id
    model = Model(logged.artifact_location, logged.source_run_id, model_id=model_id, model_uuid=model_id)
    mlflow.sklearn.save_model(
        pipeline,
        folder,
        mlflow_model=model,
        signature=pyfunc_model.model_signature(),
        input_example=pd.DataFrame([example]),
        conda_env=_conda_env(),
        serialization_format=SERIALIZATION_FORMAT_SKOPS,
        skops_trusted_types=list(TRUSTED_TYPES),
    )
    environment = model.flavors[mlflow.pyfunc.FLAVOR_NAME][mlflow.pyfunc.ENV]
    model.add_flavor(
        mlflow.pyfunc.FLAVOR_NAME,
        loader_module=pyfunc_model.__name__,
        data=MODEL_FILE,
        env=environment,
        python_version=platform.python_version(),
    )
    model.save(folder / MLMODEL_FILE_NAME)


def _conda_env() -> dict[str, object]:
    """Return the environment of a model; MLflow's own would need the version of pip, which the images do not have."""
    packages = [f"{name}=={installed_version(name)}" for name in REQUIREMENTS]
    dependencies = [f"python={platform.python_version()}", "pip", {"pip": packages}]
    return {"name": "readmit", "channels": ["conda-forge"], "dependencies": dependencies}
