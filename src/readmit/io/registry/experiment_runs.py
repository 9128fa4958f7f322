"""The runs in MLflow, one per fit: its inputs, its evaluation and, if it is to be served, the model itself."""

import hashlib
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import mlflow
from mlflow.data.dataset_source_registry import resolve_dataset_source
from mlflow.data.meta_dataset import MetaDataset
from mlflow.entities import Experiment, Metric, Param, Run, RunTag
from sklearn.pipeline import Pipeline

from readmit.core.candidate_selection import PatientLosses
from readmit.core.coverage import Coverage
from readmit.core.fit_key import FIT_TAG, FitKey
from readmit.core.probe_set import example_encounter, parity_check_of
from readmit.core.reference_model import ReferenceModel
from readmit.core.verdict import Curves
from readmit.core.version import MODEL_FILE_TAG, SCORER_FILE, SCORER_TAG
from readmit.io.registry.logged_model import UploadedModel, log_model
from readmit.io.registry.mlflow_server import PARITY_CHECK_FILE, create_client, translated_errors
from readmit.io.registry.plots import draw_plots

EXPERIMENT = "readmit"
KIND_TAG, MODEL_TRAINING = "mlflow.experimentKind", "custom_model_development"
"""The tag by which MLflow's page opens an experiment in its view of model training."""
COVERAGE_FILE, CURVES_FILE = "coverage.json", "curves.json"
LOSSES_FILE, REFERENCE_FILE = "patient_losses.json", "reference_model.json"
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
    """The evaluation of a fit on held-out encounters. `figures` as logged; `losses`: by patient."""

    figures: Mapping[str, float]
    curves: Curves
    losses: PatientLosses


@dataclass(frozen=True, slots=True)
class Fit:
    """One fit. `evaluation`: None when no split was held out.

    `model`: None when it is not to be stored, because another one, fitted on more rows, is to be served.

    `snapshot`: URI of the list of datasets; `rows`: how many encounters of each split were used.
    `scorer`: the compiled model, when it is to be served; `reference`: what it has to be worth more than.
    """

    key: FitKey
    model: Pipeline | None
    coverage: Coverage
    snapshot: str
    rows: Mapping[str, int]
    evaluation: Evaluation | None
    scorer: bytes | None = None
    reference: ReferenceModel | None = None


class ExperimentRuns:
    """The runs on one MLflow server. Every method raises RegistryUnavailable when the server fails."""

    def __init__(self, tracking_uri: str) -> None:
        self._uri = tracking_uri
        self._client = create_client(tracking_uri)
        self._experiment: Experiment | None = None

    def find_finished(self, key: FitKey) -> FitRun | None:
        """Return the finished run of exactly this fit, if there is one."""
        with translated_errors(self._uri):
            experiment = self._find_experiment()
            if experiment is None:
                return None
            query = f"tags.{FIT_TAG} = '{key.digest}' and attributes.status = 'FINISHED'"
            runs = self._client.search_runs([experiment.experiment_id], query, max_results=1)
        return _fit_run(runs[0]) if runs else None

    def record(self, fit: Fit) -> FitRun:
        """Log a fit as a run, in place of one that a killed process left unfinished.

        The model comes first, so that one request is enough for the metrics: they belong to the run and to the model.
        """
        key = fit.key
        with translated_errors(self._uri):
            experiment_id = self._open_experiment()
            self._terminate_killed_runs(key, experiment_id)
            with mlflow.start_run(
                experiment_id=experiment_id, run_name=_run_name(key), tags=key.tags, description=_description(fit)
            ) as run:
                run_id = run.info.run_id
                model = UploadedModel(None, "")
                if fit.model is not None:
                    example = example_encounter(fit.coverage)
                    model = log_model(self._client, run.info, fit.model, example, key.settings)
                _log_datasets(fit)
                self._log_files(run_id, fit)
                scorer = "" if fit.scorer is None else hashlib.sha256(fit.scorer).hexdigest()
                self._log_values(run_id, fit, model.model_id, {SCORER_TAG: scorer, MODEL_FILE_TAG: model.digest})
        return FitRun(run_id, dict(fit.evaluation.figures) if fit.evaluation else {}, scorer, model.digest)

    def _find_experiment(self) -> Experiment | None:
        """Return the experiment, if it exists. Its id never changes, so it is requested only until it is found."""
        self._experiment = self._experiment or self._client.get_experiment_by_name(EXPERIMENT)
        return self._experiment

    def _open_experiment(self) -> str:
        """Return the id of the experiment, which is created if it does not exist and tagged if it is not."""
        experiment = self._find_experiment() or mlflow.set_experiment(EXPERIMENT)
        experiment_id = str(experiment.experiment_id)
        if experiment.tags.get(KIND_TAG) != MODEL_TRAINING:
            self._client.set_experiment_tag(experiment_id, KIND_TAG, MODEL_TRAINING)
            self._experiment = None
        return experiment_id

    def _log_files(self, run_id: str, fit: Fit) -> None:
        """Upload the files of a run."""
        with tempfile.TemporaryDirectory() as folder:
            for name, content in _files(fit):
                Path(folder, name).write_bytes(content)
            self._client.log_artifacts(run_id, folder)

    def _log_values(self, run_id: str, fit: Fit, model_id: str | None, digests: Mapping[str, str]) -> None:
        """Log parameters, metrics and digests, which are tags."""
        now = time.time_ns() // 1_000_000
        figures = fit.evaluation.figures if fit.evaluation else {}
        self._client.log_batch(
            run_id,
            metrics=[Metric(name, value, now, step=0, model_id=model_id) for name, value in figures.items()],
            params=[Param(name, str(value)) for name, value in fit.key.settings.items()],
            tags=[RunTag(name, digest) for name, digest in digests.items() if digest],
        )

    def _terminate_killed_runs(self, key: FitKey, experiment_id: str) -> None:
        """Mark running runs of this fit as killed: only one process at a time works on a batch, so theirs is gone."""
        query = f"tags.{FIT_TAG} = '{key.digest}' and attributes.status = 'RUNNING'"
        for run in self._client.search_runs([experiment_id], query):
            self._client.set_terminated(run.info.run_id, "KILLED")

    def curves(self, run_id: str) -> Curves:
        """Return the curves of an evaluated fit."""
        return Curves.from_json(self._text(run_id, CURVES_FILE))

    def losses(self, run_id: str) -> PatientLosses:
        """Return the losses by patient of an evaluated fit."""
        return PatientLosses.from_json(self._text(run_id, LOSSES_FILE))

    def _text(self, run_id: str, file: str) -> str:
        with translated_errors(self._uri):
            return str(mlflow.artifacts.load_text(f"runs:/{run_id}/{file}"))


def _fit_run(run: Run) -> FitRun:
    tags = run.data.tags
    return FitRun(run.info.run_id, dict(run.data.metrics), tags.get(SCORER_TAG, ""), tags.get(MODEL_FILE_TAG, ""))


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
    """Log the splits of the snapshot as inputs of the active run."""
    source, digest = resolve_dataset_source(fit.snapshot), fit.key.snapshot[:MAX_DIGEST_LENGTH]
    mlflow.log_inputs(
        [MetaDataset(source, name=split, digest=digest) for split in fit.rows],  # type: ignore[abstract]  # abstract in its stubs only
        ["training" if split in fit.key.rows else "validation" for split in fit.rows],
        [{"rows": str(rows)} for rows in fit.rows.values()],
    )


def _files(fit: Fit) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a run, by name."""
    if fit.model is not None:
        yield COVERAGE_FILE, fit.coverage.to_json().encode()
        yield PARITY_CHECK_FILE, parity_check_of(fit.model, fit.coverage).to_json().encode()
    if fit.scorer is not None:
        yield SCORER_FILE, fit.scorer
    if fit.reference is not None:
        yield REFERENCE_FILE, fit.reference.to_json().encode()
    if fit.evaluation is not None:
        yield from _evaluation_files(fit.key, fit.evaluation)


def _evaluation_files(key: FitKey, evaluation: Evaluation) -> Iterator[tuple[str, bytes]]:
    yield CURVES_FILE, evaluation.curves.to_json().encode()
    yield LOSSES_FILE, evaluation.losses.to_json().encode()
    title = f"batch {key.batch}, {key.candidate}, on validation"
    yield from draw_plots(title, evaluation.curves, evaluation.figures["base_rate"]).items()
