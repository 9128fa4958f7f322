"""A snapshot to one MLflow run per candidate, fitted on train and measured on validation."""

import time
from functools import cache

from readmit.core.dataset import Dataset, dataset
from readmit.core.figures import figures, intervals
from readmit.core.model import CANDIDATES, Candidate, build, probabilities
from readmit.core.snapshot import Snapshot
from readmit.core.splitting import FOR_CHOOSING, Split
from readmit.core.training import Aim, DataSource, FitKey, fit_key
from readmit.io.database import ledger
from readmit.io.objects import Bucket
from readmit.io.registry import Fit, FitRun, Registry
from readmit.io.revision import code_revision
from readmit.pipeline import Facts
from readmit.settings import Settings


def run(batch: int, settings: Settings) -> Facts:
    """`NAME.FIGURE` for each candidate, on validation. A run that made the same fit before is reused."""
    bucket, registry = Bucket("datasets", *settings.s3_login), Registry(settings.mlflow_tracking_uri)
    snapshot = Snapshot.from_json(bucket.kept(ledger.made(ledger.batch_row(batch), "snapshot_object")))
    aim, source = Aim(settings.target, settings.threshold), DataSource(snapshot.hash, snapshot.batch, code_revision())

    @cache
    def data(split: str) -> Dataset:
        return dataset(bucket.frame(part.object_name for part in snapshot.of(split)), aim.target)

    facts: Facts = {"snapshot": snapshot.hash[:16]}
    for candidate in CANDIDATES:
        key = fit_key(candidate, source, aim, FOR_CHOOSING)
        made = registry.finished_fit(key) or _fit(candidate, key, registry, data(Split.TRAIN), data(Split.VALIDATION))
        facts |= {f"{candidate.name}.{figure}": value for figure, value in made.figures.items()}
    return facts


def _fit(candidate: Candidate, key: FitKey, registry: Registry, train: Dataset, validation: Dataset) -> FitRun:
    started = time.perf_counter()
    model = build(candidate, key.seed).fit(train.encounters, train.labels)
    seconds = time.perf_counter() - started
    said = probabilities(model, validation.encounters)
    measured = figures(validation.labels, said, key.threshold) | {"fit_seconds": seconds}
    for name, bounds in intervals(validation.labels, said, validation.patients, key.seed).items():
        measured |= {f"{name}_low": bounds.low, f"{name}_high": bounds.high}
    return registry.record(Fit(key, measured, model, train.encounters.head(5), train.coverage))
