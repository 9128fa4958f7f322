"""The runs in MLflow, one per fit: what it was made from, how it looks, and the model itself."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version as installed
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
from readmit.io.registry.mlflow_server import PROOF_FILE, answering, client_of
from readmit.io.registry.plots import pictures

EXPERIMENT = "readmit"
COVERAGE_FILE, CURVES_FILE, IMPORTANCES_FILE = "coverage.json", "curves.json", "importances.json"
REQUIREMENTS = ("scikit-learn", "lightgbm", "skops", "pandas", "numpy")
MOST_DIGITS = 36
"""MLflow keeps no longer digest of a dataset."""


@dataclass(frozen=True, slots=True)
class FitRun:
    """A finished run: `figures` as logged; `scorer`, `model_file`: SHA-256 of each, empty where it has none."""

    run_id: str
    figures: Mapping[str, float]
    scorer: str
    model_file: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How a fit looks on encounters that it did not see. `figures` as logged; `importances` by raw field."""

    figures: Mapping[str, float]
    curves: Curves
    importances: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Fit:
    """One fit. `example`: a few rows of a model input; `view`: none where nothing unseen may be looked at.

    `snapshot`: address of the list of datasets; `rows`: how many encounters of each split were used.
    `scorer`: the compiled model, where it is to be served.
    """

    key: FitKey
    model: Pipeline
    example: pd.DataFrame
    coverage: Coverage
    snapshot: str
    rows: Mapping[str, int]
    view: Evaluation | None
    scorer: bytes | None = None


class ExperimentRuns:
    """The runs on one MLflow server. Every method raises RegistryAway when it does not answer as it should."""

    def __init__(self, tracking_uri: str) -> None:
        self._uri = tracking_uri
        self._client = client_of(tracking_uri)

    def finished(self, key: FitKey) -> FitRun | None:
        """The run that made this very fit before, if it ended well."""
        with answering(self._uri):
            experiment = self._client.get_experiment_by_name(EXPERIMENT)
            if experiment is None:
                return None
            wanted = f"tags.{FIT_TAG} = '{key.digest}' and attributes.status = 'FINISHED'"
            found = self._client.search_runs([experiment.experiment_id], wanted, max_results=1)
        return _fit_run(found[0]) if found else None

    def record(self, fit: Fit) -> FitRun:
        """Logs a fit as a run, in the place of one that a killed process left."""
        with answering(self._uri):
            self._end_what_was_killed(fit.key, mlflow.set_experiment(EXPERIMENT).experiment_id)
            with mlflow.start_run(run_name=_name(fit.key), tags=fit.key.tags, description=_description(fit)) as run:
                _log(fit)
            return _fit_run(self._client.get_run(run.info.run_id))

    def _end_what_was_killed(self, key: FitKey, experiment_id: str) -> None:
        """Marks runs of this fit that seem to run: one process at a time works on a batch, so theirs are no more."""
        wanted = f"tags.{FIT_TAG} = '{key.digest}' and attributes.status = 'RUNNING'"
        for left in self._client.search_runs([experiment_id], wanted):
            self._client.set_terminated(left.info.run_id, "KILLED")

    def curves(self, run_id: str) -> Curves:
        """The curves of a fit that was looked at."""
        return Curves.from_json(self._text(run_id, CURVES_FILE))

    def importances(self, run_id: str) -> dict[str, float]:
        """The importances by raw field of a fit that was looked at, greatest first."""
        read: dict[str, float] = json.loads(self._text(run_id, IMPORTANCES_FILE))
        return read

    def _text(self, run_id: str, file: str) -> str:
        with answering(self._uri):
            return str(mlflow.artifacts.load_text(f"runs:/{run_id}/{file}"))


def _fit_run(run: Run) -> FitRun:
    tags = run.data.tags
    return FitRun(run.info.run_id, dict(run.data.metrics), tags.get(SCORER_TAG, ""), tags.get(MODEL_FILE_TAG, ""))


class HashedSklearn:
    """MLflow's flavor for scikit-learn, which takes the SHA-256 of the model's file before anything is sent."""

    __name__ = mlflow.sklearn.__name__
    digest: str

    def save_model(self, path: str, **options: Any) -> None:
        """As `mlflow.sklearn` does."""
        mlflow.sklearn.save_model(path=path, **options)
        self.digest = hashlib.sha256(Path(path, MODEL_FILE).read_bytes()).hexdigest()


def _log(fit: Fit) -> None:
    """Logs a fit into the run that is active."""
    mlflow.log_params(dict(fit.key.settings))
    _log_datasets(fit)
    mlflow.log_text(fit.coverage.to_json(), COVERAGE_FILE)
    mlflow.log_text(parity_check_of(fit.model, fit.coverage).to_json(), PROOF_FILE)
    if fit.scorer is not None:
        mlflow.log_text(fit.scorer.decode(), SCORER_FILE)
        mlflow.set_tag(SCORER_TAG, hashlib.sha256(fit.scorer).hexdigest())
    if fit.view is not None:
        _log_evaluation(fit, fit.view)
    flavor = HashedSklearn()
    Model.log(
        artifact_path=None,
        flavor=flavor,
        sk_model=fit.model,
        name="model",
        signature=infer_signature(fit.example, probabilities(fit.model, fit.example)),
        pip_requirements=[f"{name}=={installed(name)}" for name in REQUIREMENTS],
        serialization_format=SERIALIZATION_FORMAT_SKOPS,
        skops_trusted_types=list(TRUSTED_TYPES),
        pyfunc_predict_fn="predict_proba",
    )
    mlflow.set_tag(MODEL_FILE_TAG, flavor.digest)


def _name(key: FitKey) -> str:
    """How a run is called in lists."""
    return f"batch {key.batch} {key.candidate} on {'+'.join(key.rows)}"


def _description(fit: Fit) -> str:
    """What stands on a run's page."""
    key, used = fit.key, ", ".join(f"{split} {rows:,}" for split, rows in fit.rows.items())
    purpose = (
        "to choose a candidate" if fit.view else "to be served: the chosen candidate, settings frozen, on more rows"
    )
    return (
        f"**{key.candidate}** on batches 1 to {key.batch}, target `{key.target}`, {purpose}.\n\n"
        f"Encounters: {used}. Snapshot `{key.snapshot[:16]}` ({fit.snapshot}), code `{key.code}`, "
        f"threshold {key.threshold:.4f}, seed {key.seed}."
    )


def _log_datasets(fit: Fit) -> None:
    source, digest = resolve_dataset_source(fit.snapshot), fit.key.snapshot[:MOST_DIGITS]
    for split, rows in fit.rows.items():
        context = "training" if split in fit.key.rows else "validation"
        dataset = MetaDataset(source, name=split, digest=digest)  # type: ignore[abstract]  # so its stubs say
        mlflow.log_input(dataset, context, {"rows": str(rows)})


def _log_evaluation(fit: Fit, view: Evaluation) -> None:
    mlflow.log_metrics(dict(view.figures))
    mlflow.log_text(view.curves.to_json(), CURVES_FILE)
    mlflow.log_text(json.dumps(dict(view.importances), allow_nan=False), IMPORTANCES_FILE)
    title = f"batch {fit.key.batch}, {fit.key.candidate}, on validation"
    for name, picture in pictures(title, view.curves, view.figures["base_rate"], view.importances).items():
        mlflow.log_figure(picture, name)
