"""Fit every candidate on a snapshot's train and evaluate it on validation, as one MLflow run each."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from sklearn.pipeline import Pipeline

from readmit.core.curves import curves_of
from readmit.core.dataset import Dataset, dataset
from readmit.core.fit_key import DataSource, FitKey, Objective, fit_key
from readmit.core.importance import importances
from readmit.core.metrics import bootstrap_intervals, classification_metrics
from readmit.core.model import CANDIDATES, Candidate, fit_candidate, probabilities, single_threaded
from readmit.core.snapshot import Snapshot
from readmit.core.splitting import SELECTION_SPLITS, Split
from readmit.io.code_revision import code_revision
from readmit.io.database import ledger
from readmit.io.object_store import Bucket
from readmit.io.registry.experiment_runs import Evaluation, ExperimentRuns, Fit
from readmit.pipeline import Facts
from readmit.settings import Settings

MAX_PARALLEL_FITS = 2
"""Candidates that are fitted in parallel, each on one thread: a laptop has two cores to spare."""


def run(batch: int, settings: Settings) -> Facts:
    """Return facts `NAME.FIGURE`, on validation, and `NAME.run` for each candidate. A run of the same fit is reused."""
    bucket, runs = Bucket("datasets", *settings.s3_login), ExperimentRuns(settings.mlflow_tracking_uri)
    name = ledger.require_output(ledger.get_batch(batch), "snapshot_object")
    snapshot = Snapshot.from_json(bucket.get_verified(name))
    objective, source = (
        Objective(settings.target, settings.threshold),
        DataSource(snapshot.hash, snapshot.batch, code_revision()),
    )
    keys = {candidate.name: fit_key(candidate, source, objective, SELECTION_SPLITS) for candidate in CANDIDATES}
    finished = {candidate: run for candidate, key in keys.items() if (run := runs.find_finished(key)) is not None}
    missing = [(candidate, keys[candidate.name]) for candidate in CANDIDATES if candidate.name not in finished]
    if missing:
        data = {
            split: dataset(bucket.read_parquet(part.object_name for part in snapshot.of(split)), objective.target)
            for split in (Split.TRAIN, Split.VALIDATION)
        }
        fits = _fits(missing, bucket.address(name), data[Split.TRAIN], data[Split.VALIDATION])
        finished |= {fit.key.candidate: runs.record(fit) for fit in fits}
    facts: Facts = {"snapshot": snapshot.hash[:16], "target": objective.target}
    for candidate in CANDIDATES:
        run = finished[candidate.name]
        facts |= {f"{candidate.name}.{figure}": value for figure, value in run.figures.items()}
        facts[f"{candidate.name}.run"] = run.run_id
    return facts


def _fits(
    missing: Sequence[tuple[Candidate, FitKey]], snapshot: str, train: Dataset, validation: Dataset
) -> Iterator[Fit]:
    """Yield the fits in order, each as soon as it is ready: recording one does not delay the next."""
    rows = {Split.TRAIN.value: len(train.labels), Split.VALIDATION.value: len(validation.labels)}
    example, coverage = train.encounters.head(5), train.coverage

    def fit(candidate: Candidate, key: FitKey) -> Fit:
        started = time.perf_counter()
        model = fit_candidate(candidate, key.seed, train.encounters, train.labels)
        evaluation = _evaluate(model, key, time.perf_counter() - started, validation)
        return Fit(key, model, example, coverage, snapshot, rows, evaluation)

    with single_threaded(), ThreadPoolExecutor(MAX_PARALLEL_FITS) as pool:
        yield from pool.map(fit, *zip(*missing, strict=True))


def _evaluate(model: Pipeline, key: FitKey, fit_seconds: float, validation: Dataset) -> Evaluation:
    predicted, labels = probabilities(model, validation.encounters), validation.labels
    metrics = classification_metrics(labels, predicted, key.threshold) | {"fit_seconds": fit_seconds}
    for name, bounds in bootstrap_intervals(labels, predicted, validation.patients, key.seed).items():
        metrics |= {f"{name}_low": bounds.low, f"{name}_high": bounds.high}
    return Evaluation(
        metrics, curves_of(labels, predicted), importances(model, validation.encounters, labels, key.seed)
    )
