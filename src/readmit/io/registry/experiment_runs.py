"""The runs in MLflow, one per fit: its inputs, its evaluation and the model itself."""

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.data.dataset_source_registry import resolve_dataset_source
from mlflow.data.meta_dataset import MetaDataset
from mlflow.entities import Run
from mlflow.models import Model, infer_signature
from mlflow.sklearn import SERIALIZATION_FORMAT_SKOPS
from sklearn.pipeline import Pipeline

from readmit.core.coverage import Coverage
from readmit.core.fit_key import FIT_TAG, FitKey
from readmit.core.model import TRUSTED_TYPES, probabilities
from readmit.core.probe_set import parity_check_of
from readmit.core.verdict import Curves
from readmit.core.version import MODEL_FILE, MODEL_FILE_TAG, SCORER_FILE, SCORER_TAG
from readmit.io.registry.mlflow_server import PARITY_CHECK_FILE, create_client, translated_errors
from readmit.io.registry.plots import draw_plots

EXPERIMENT = "readmit"
KIND_TAG, MODEL_TRAINING = "mlflow.experimentKind", "custom_model_development"
"""The tag by which MLflow's page opens an experiment in its view of model training."""
COVERAGE_FILE, CURVES_FILE, IMPORTANCES_FILE = "coverage.json", "curves.json", "importances.json"
REQUIREMENTS = ("scikit-learn", "lightgbm", "skops", "pandas", "numpy")
MAX_DIGEST_LENGTH = 36
"""MLflow's limit for the digest of a dataset."""


@dataclass(frozen=True, slots=True)
class FitRun:
    """A finished run: `figures` as logged; `scorer`, `model_file`: SHA-256 of each, empty when it has none."""

    run_id: str
    figures: Mapping[str, float]
    scorer: str
    model_file: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The evaluation of a fit on held-out encounters. `figures` as logged; `importances` by raw field."""

    figures: Mapping[str, float]
    curves: Curves
    importances: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Fit:
    """One fit. `example`: a few rows of a model input; `evaluation`: None when no split was held out.

    `snapshot`: URI of the list of datasets; `rows`: how many encounters of each split were used.
    `scorer`: the compiled model, when it is to be served.
    """

    key: FitKey
    model: Pipeline
    example: pd.DataFrame
    coverage: Coverage
    snapshot: str
    rows: Mapping[str, int]
    evaluation: Evaluation | None
    scorer: bytes | None = None


class ExperimentRuns:
    """The runs on one MLflow server. Every method raises RegistryUnavailable when the server fails."""

    def __init__(self, tracking_uri: str) -> None:
        self._uri = tracking_uri
        self._client = create_client(tracking_uri)

    def find_finished(self, key: FitKey) -> FitRun | None:
        """Return the finished run of exactly this fit, if there is one."""
        with translated_errors(self._uri):
            experiment = self._client.get_experiment_by_name(EXPERIMENT)
            if experiment is None:
                return None
            query = f"tags.{FIT_TAG} = '{key.digest}' and attributes.status = 'FINISHED'"
            runs = self._client.search_runs([experiment.experiment_id], query, max_results=1)
        return _fit_run(runs[0]) if runs else None

    def record(self, fit: Fit) -> FitRun:
        """Log a fit as a run, in place of one that a killed process left unfinished."""
        with translated_errors(self._uri):
            experiment = mlflow.set_experiment(EXPERIMENT)
            if experiment.tags.get(KIND_TAG) != MODEL_TRAINING:
                mlflow.set_experiment_tag(KIND_TAG, MODEL_TRAINING)
            self._terminate_killed_runs(fit.key, experiment.experiment_id)
            with mlflow.start_run(run_name=_run_name(fit.key), tags=fit.key.tags, description=_description(fit)) as run:
                _log(fit)
            return _fit_run(self._client.get_run(run.info.run_id))

    def _terminate_killed_runs(self, key: FitKey, experiment_id: str) -> None:
        """Mark running runs of this fit as killed: only one process at a time works on a batch, so theirs is gone."""
        query = f"tags.{FIT_TAG} = '{key.digest}' and attributes.status = 'RUNNING'"
        for run in self._client.search_runs([experiment_id], query):
            self._client.set_terminated(run.info.run_id, "KILLED")

    def curves(self, run_id: str) -> Curves:
        """Return the curves of an evaluated fit."""
        return Curves.from_json(self._text(run_id, CURVES_FILE))

    def importances(self, run_id: str) -> dict[str, float]:
        """Return the importances by raw field of an evaluated fit, highest first."""
        importances: dict[str, float] = json.loads(self._text(run_id, IMPORTANCES_FILE))
        return importances

    def _text(self, run_id: str, file: str) -> str:
        with translated_errors(self._uri):
            return str(mlflow.artifacts.load_text(f"runs:/{run_id}/{file}"))


def _fit_run(run: Run) -> FitRun:
    tags = run.data.tags
    return FitRun(run.info.run_id, dict(run.data.metrics), tags.get(SCORER_TAG, ""), tags.get(MODEL_FILE_TAG, ""))


class HashedSklearn:
    """MLflow's flavor for scikit-learn that also hashes the model's file before it is uploaded."""

    __name__ = mlflow.sklearn.__name__
    digest: str

    def save_model(self, path: str, **options: Any) -> None:  # noqa: ANN401 - passed on to MLflow as they come
        """Save the model as `mlflow.sklearn` does, and keep the SHA-256 of its file in `digest`."""
        mlflow.sklearn.save_model(path=path, **options)
        self.digest = hashlib.sha256(Path(path, MODEL_FILE).read_bytes()).hexdigest()


def _log(fit: Fit) -> None:
    """Log a fit into the active run."""
    mlflow.log_params(dict(fit.key.settings))
    _log_datasets(fit)
    mlflow.log_text(fit.coverage.to_json(), COVERAGE_FILE)
    mlflow.log_text(parity_check_of(fit.model, fit.coverage).to_json(), PARITY_CHECK_FILE)
    if fit.scorer is not None:
        mlflow.log_text(fit.scorer.decode(), SCORER_FILE)
        mlflow.set_tag(SCORER_TAG, hashlib.sha256(fit.scorer).hexdigest())
    if fit.evaluation is not None:
        _log_evaluation(fit, fit.evaluation)
    flavor = HashedSklearn()
    Model.log(
        artifact_path=None,
        flavor=flavor,
        sk_model=fit.model,
        name="model",
        signature=infer_signature(fit.example, probabilities(fit.model, fit.example)),
        conda_env=_conda_env(),
        serialization_format=SERIALIZATION_FORMAT_SKOPS,
        skops_trusted_types=list(TRUSTED_TYPES),
        pyfunc_predict_fn="predict_proba",
    )
    mlflow.set_tag(MODEL_FILE_TAG, flavor.digest)


def _conda_env() -> dict[str, object]:
    """Return the environment of a model; MLflow's own would need the version of pip, which the images do not have."""
    packages = [f"{name}=={installed_version(name)}" for name in REQUIREMENTS]
    dependencies = [f"python={platform.python_version()}", "pip", {"pip": packages}]
    return {"name": "readmit", "channels": ["conda-forge"], "dependencies": dependencies}


def _run_name(key: FitKey) -> str:
    """Return the name of a run in lists."""
    return f"batch {key.batch} {key.candidate} on {'+'.join(key.rows)}"


def _description(fit: Fit) -> str:
    """Return the description on a run's page."""
    key, used = fit.key, ", ".join(f"{split} {rows:,}" for split, rows in fit.rows.items())
    purpose = (
        "to select a candidate"
        if fit.evaluation
        else "to be served: the selected candidate with the same settings, on more rows"
    )
    return (
        f"**{key.candidate}** on batches 1 to {key.batch}, target `{key.target}`, {purpose}.\n\n"
        f"Encounters: {used}. Snapshot `{key.snapshot[:16]}` ({fit.snapshot}), code `{key.code}`, "
        f"threshold {key.threshold:.4f}, seed {key.seed}."
    )


def _log_datasets(fit: Fit) -> None:
    source, digest = resolve_dataset_source(fit.snapshot), fit.key.snapshot[:MAX_DIGEST_LENGTH]
    for split, rows in fit.rows.items():
        context = "training" if split in fit.key.rows else "validation"
        dataset = MetaDataset(source, name=split, digest=digest)  # type: ignore[abstract]  # abstract in its stubs only
        mlflow.log_input(dataset, context, {"rows": str(rows)})


def _log_evaluation(fit: Fit, evaluation: Evaluation) -> None:
    mlflow.log_metrics(dict(evaluation.figures))
    mlflow.log_text(evaluation.curves.to_json(), CURVES_FILE)
    mlflow.log_text(json.dumps(dict(evaluation.importances), allow_nan=False), IMPORTANCES_FILE)
    title = f"batch {fit.key.batch}, {fit.key.candidate}, on validation"
    plots = draw_plots(title, evaluation.curves, evaluation.figures["base_rate"], evaluation.importances)
    for name, plot in plots.items():
        mlflow.log_figure(plot, name)
