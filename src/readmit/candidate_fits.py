"""The fits of the candidates on train, in parallel, and their evaluation on validation."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from sklearn.pipeline import Pipeline

from readmit.core.candidate_selection import PatientLosses
from readmit.core.curves import curves_of
from readmit.core.dataset import Dataset
from readmit.core.fit_key import FitKey
from readmit.core.metrics import bootstrap_intervals, classification_metrics
from readmit.core.model import Candidate, fit_candidate, probabilities, single_threaded
from readmit.core.snapshot import Snapshot
from readmit.core.splitting import Split
from readmit.core.training_memory import fits_at_once, within_memory
from readmit.io.registry.experiment_runs import Evaluation, Fit

MAX_PARALLEL_FITS = 2
"""Candidates that are fitted in parallel, each on one thread: a laptop has two cores to spare."""


def comparable(candidates: Sequence[Candidate], snapshot: Snapshot, memory_mb: int) -> list[Candidate]:
    """Return the candidates that a training on the snapshot can fit in the memory."""
    splits = [snapshot.rows(split) for split in (Split.TRAIN, Split.VALIDATION, Split.TEST)]
    # The winner is refitted on train and validation.
    return within_memory(candidates, sum(splits), sum(splits[:2]), memory_mb)


def fit_candidates(
    missing: Sequence[tuple[Candidate, FitKey]], snapshot: str, train: Dataset, validation: Dataset, memory_mb: int
) -> Iterator[Fit]:
    """Yield the fits in order, each as soon as it is ready: recording one does not delay the next.

    In parallel as far as they fit into the memory.
    """
    rows = {Split.TRAIN.value: len(train.labels), Split.VALIDATION.value: len(validation.labels)}
    coverage = train.coverage

    def fit(candidate: Candidate, key: FitKey) -> Fit:
        started = time.perf_counter()
        model = fit_candidate(candidate, key.seed, train.encounters, train.labels, train.patients)
        evaluation = _evaluate(model, key, time.perf_counter() - started, validation)
        return Fit(key, None, coverage, snapshot, rows, evaluation)

    candidates = [candidate for candidate, _ in missing]
    workers = fits_at_once(candidates, sum(rows.values()), len(train.labels), memory_mb, MAX_PARALLEL_FITS)
    with single_threaded(), ThreadPoolExecutor(workers) as pool:
        yield from pool.map(fit, *zip(*missing, strict=True))


def _evaluate(model: Pipeline, key: FitKey, fit_seconds: float, validation: Dataset) -> Evaluation:
    predicted, labels = probabilities(model, validation.encounters), validation.labels
    metrics = classification_metrics(labels, predicted, key.threshold) | {"fit_seconds": fit_seconds}
    for name, bounds in bootstrap_intervals(labels, predicted, validation.patients, key.seed).items():
        metrics |= {f"{name}_low": bounds.low, f"{name}_high": bounds.high}
    return Evaluation(
        metrics,
        curves_of(labels, predicted),
        PatientLosses.of(labels, predicted, validation.patients),
    )
