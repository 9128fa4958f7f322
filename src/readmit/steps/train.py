"""A snapshot to one MLflow run per candidate, fitted on train and measured on validation."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from sklearn.pipeline import Pipeline

from readmit.core.curves import curves_of
from readmit.core.dataset import Dataset, dataset
from readmit.core.fit_key import DataSource, FitKey, Objective, fit_key
from readmit.core.importance import importances
from readmit.core.metrics import figures, intervals
from readmit.core.model import CANDIDATES, Candidate, fitted, one_thread, probabilities
from readmit.core.snapshot import Snapshot
from readmit.core.splitting import FOR_CHOOSING, Split
from readmit.io.code_revision import code_revision
from readmit.io.database import ledger
from readmit.io.object_store import Bucket
from readmit.io.registry.experiment_runs import Evaluation, ExperimentRuns, Fit
from readmit.pipeline import Facts
from readmit.settings import Settings

AT_ONCE = 2
"""Candidates that are fitted at the same time, each on one thread: a laptop has two cores to spare."""


def run(batch: int, settings: Settings) -> Facts:
    """`NAME.FIGURE` and `NAME.run` for each candidate, on validation. A run that made the same fit before is reused."""
    bucket, runs = Bucket("datasets", *settings.s3_login), ExperimentRuns(settings.mlflow_tracking_uri)
    listed = ledger.require_output(ledger.batch_row(batch), "snapshot_object")
    snapshot = Snapshot.from_json(bucket.get_verified(listed))
    aim, source = (
        Objective(settings.target, settings.threshold),
        DataSource(snapshot.hash, snapshot.batch, code_revision()),
    )
    keys = {each.name: fit_key(each, source, aim, FOR_CHOOSING) for each in CANDIDATES}
    made = {name: run for name, key in keys.items() if (run := runs.finished(key)) is not None}
    missing = [(each, keys[each.name]) for each in CANDIDATES if each.name not in made]
    if missing:
        data = {
            split: dataset(bucket.read_parquet(part.object_name for part in snapshot.of(split)), aim.target)
            for split in (Split.TRAIN, Split.VALIDATION)
        }
        fits = _fits(missing, bucket.address(listed), data[Split.TRAIN], data[Split.VALIDATION])
        made |= {fit.key.candidate: runs.record(fit) for fit in fits}
    facts: Facts = {"snapshot": snapshot.hash[:16], "target": aim.target}
    for each in CANDIDATES:
        run = made[each.name]
        facts |= {f"{each.name}.{figure}": value for figure, value in run.figures.items()}
        facts[f"{each.name}.run"] = run.run_id
    return facts


def _fits(
    wanted: Sequence[tuple[Candidate, FitKey]], snapshot: str, train: Dataset, validation: Dataset
) -> Iterator[Fit]:
    """The fits in order, each as soon as it is made: what logs one does not hold up the next."""
    rows = {Split.TRAIN.value: len(train.labels), Split.VALIDATION.value: len(validation.labels)}
    example, coverage = train.encounters.head(5), train.coverage

    def fit(candidate: Candidate, key: FitKey) -> Fit:
        started = time.perf_counter()
        model = fitted(candidate, key.seed, train.encounters, train.labels)
        view = _view(model, key, time.perf_counter() - started, validation)
        return Fit(key, model, example, coverage, snapshot, rows, view)

    with one_thread(), ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(fit, *zip(*wanted, strict=True))


def _view(model: Pipeline, key: FitKey, fit_seconds: float, validation: Dataset) -> Evaluation:
    said, labels = probabilities(model, validation.encounters), validation.labels
    measured = figures(labels, said, key.threshold) | {"fit_seconds": fit_seconds}
    for name, bounds in intervals(labels, said, validation.patients, key.seed).items():
        measured |= {f"{name}_low": bounds.low, f"{name}_high": bounds.high}
    return Evaluation(measured, curves_of(labels, said), importances(model, validation.encounters, labels, key.seed))
