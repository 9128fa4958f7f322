"""A snapshot to one MLflow run per candidate, fitted on train and measured on validation."""

import time
from functools import cache

from sklearn.pipeline import Pipeline

from readmit.core.curves import Curves
from readmit.core.dataset import Dataset, dataset
from readmit.core.figures import figures, intervals
from readmit.core.importance import importances
from readmit.core.model import CANDIDATES, Candidate, fitted, probabilities
from readmit.core.snapshot import Snapshot
from readmit.core.splitting import FOR_CHOOSING, Split
from readmit.core.training import Aim, DataSource, FitKey, fit_key
from readmit.io.database import ledger
from readmit.io.objects import Bucket
from readmit.io.registry.fits import Fit, Runs, View
from readmit.io.revision import code_revision
from readmit.pipeline import Facts
from readmit.settings import Settings


def run(batch: int, settings: Settings) -> Facts:
    """`NAME.FIGURE` and `NAME.run` for each candidate, on validation. A run that made the same fit before is reused."""
    bucket, runs = Bucket("datasets", *settings.s3_login), Runs(settings.mlflow_tracking_uri)
    name = ledger.made(ledger.batch_row(batch), "snapshot_object")
    snapshot = Snapshot.from_json(bucket.kept(name))
    aim, source = Aim(settings.target, settings.threshold), DataSource(snapshot.hash, snapshot.batch, code_revision())

    @cache
    def data(split: str) -> Dataset:
        return dataset(bucket.frame(part.object_name for part in snapshot.of(split)), aim.target)

    facts: Facts = {"snapshot": snapshot.hash[:16]}
    for candidate in CANDIDATES:
        key = fit_key(candidate, source, aim, FOR_CHOOSING)
        made = runs.finished(key)
        if made is None:
            made = runs.record(_fit(candidate, key, bucket.address(name), data(Split.TRAIN), data(Split.VALIDATION)))
        facts |= {f"{candidate.name}.{figure}": value for figure, value in made.figures.items()}
        facts[f"{candidate.name}.run"] = made.run_id
    return facts


def _fit(candidate: Candidate, key: FitKey, snapshot: str, train: Dataset, validation: Dataset) -> Fit:
    started = time.perf_counter()
    model = fitted(candidate, key.seed, train.encounters, train.labels)
    seconds = time.perf_counter() - started
    rows = {Split.TRAIN.value: len(train.labels), Split.VALIDATION.value: len(validation.labels)}
    view = _view(model, key, seconds, validation)
    return Fit(key, model, train.encounters.head(5), train.coverage, snapshot, rows, view)


def _view(model: Pipeline, key: FitKey, fit_seconds: float, validation: Dataset) -> View:
    said, labels = probabilities(model, validation.encounters), validation.labels
    measured = figures(labels, said, key.threshold) | {"fit_seconds": fit_seconds}
    for name, bounds in intervals(labels, said, validation.patients, key.seed).items():
        measured |= {f"{name}_low": bounds.low, f"{name}_high": bounds.high}
    return View(measured, Curves.of(labels, said), importances(model, validation.encounters, labels, key.seed))
