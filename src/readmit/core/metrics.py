"""The figures by which a model is judged, and their 95 % intervals by patient bootstrap.

Resampling is by patient, not by encounter, because encounters of one patient are alike. A resample is a
weight per encounter, so that each figure is computed for many resamples at once.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from readmit.core.errors import TooFewEncounters
from readmit.core.verdict import Interval

Floats = npt.NDArray[np.float64]

LEVEL = 0.95
BINS = 20
RESAMPLES_FOR_VERDICT, RESAMPLES_FOR_CANDIDATE = 1000, 200
AT_A_TIME = 50
"""Resamples held in memory together."""


class Ranked:
    """Scores sorted once, highest first, with equal ones in one group: what ROC and PR are made from."""

    def __init__(self, labels: Floats, scores: Floats) -> None:
        self._order = np.argsort(-scores, kind="stable")
        ranked = scores[self._order]
        self._starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
        self._positive = labels[self._order]

    def _counts(self, weights: Floats) -> tuple[Floats, Floats]:
        """Weighted positives and negatives per group, each of shape (resamples, groups)."""
        ranked = weights[:, self._order]
        positive = np.add.reduceat(ranked * self._positive, self._starts, axis=1)
        return positive, np.add.reduceat(ranked, self._starts, axis=1) - positive

    def roc_auc(self, weights: Floats) -> Floats:
        positive, negative = self._counts(weights)
        below = np.cumsum(negative[:, ::-1], axis=1)[:, ::-1] - negative
        pairs = positive.sum(axis=1) * negative.sum(axis=1)
        return np.asarray((positive * (below + negative / 2)).sum(axis=1) / pairs)

    def pr_auc(self, weights: Floats) -> Floats:
        """Average precision: precision at each score, weighted by the recall it adds."""
        positive, negative = self._counts(weights)
        found, flagged = np.cumsum(positive, axis=1), np.cumsum(positive + negative, axis=1)
        precision = np.divide(found, flagged, out=np.zeros_like(found), where=flagged > 0)
        return np.asarray((positive * precision).sum(axis=1) / positive.sum(axis=1))


def losses(labels: Floats, probabilities: Floats) -> Floats:
    """Log loss of each row, probabilities kept off 0 and 1 by the smallest step that float64 knows."""
    tiny = np.finfo(np.float64).eps
    kept = np.clip(probabilities, tiny, 1 - tiny)
    return np.asarray(-(labels * np.log(kept) + (1 - labels) * np.log(1 - kept)))


def expected_calibration_error(labels: Floats, probabilities: Floats) -> float:
    """Mean distance of observed and expected rate over 20 bins of equal mass."""
    order = np.argsort(probabilities, kind="stable")
    parts = [part for part in np.array_split(order, BINS) if part.size]
    gaps = [part.size * abs(labels[part].mean() - probabilities[part].mean()) for part in parts]
    return float(sum(gaps) / labels.size)


def figures(labels: Sequence[int], probabilities: Floats, threshold: float) -> dict[str, float]:
    """All figures of one model on one split. `skill`: 1 - log loss / that of the base rate.

    TooFewEncounters: not both outcomes occur.
    """
    y, p = np.asarray(labels, dtype=np.float64), probabilities
    if not 0 < y.mean() < 1:
        raise TooFewEncounters("a split holds one outcome alone: nothing can be judged on it")
    ranked, once = Ranked(y, p), np.ones((1, y.size))
    loss, base = float(losses(y, p).mean()), float(y.mean())
    return {
        "roc_auc": float(ranked.roc_auc(once)[0]),
        "pr_auc": float(ranked.pr_auc(once)[0]),
        "log_loss": loss,
        "skill": 1 - loss / float(losses(y, np.full_like(y, base)).mean()),
        "brier": float(((p - y) ** 2).mean()),
        "ece": expected_calibration_error(y, p),
        "observed_expected": float(y.sum() / p.sum()),
        "base_rate": base,
        **_at_threshold(y, p >= threshold),
    }


def _at_threshold(y: Floats, flagged: npt.NDArray[np.bool_]) -> dict[str, float]:
    """Precision and F1 are 0 where nobody is flagged, as scikit-learn has it."""
    hits = float(y[flagged].sum())
    recall, precision = hits / float(y.sum()), hits / max(float(flagged.sum()), 1.0)
    return {
        "accuracy": float((flagged == (y == 1)).mean()),
        "precision": precision,
        "recall": recall,
        "f1": 2 * hits / float(flagged.sum() + y.sum()),
        "flagged": float(flagged.mean()),
    }


def patient_weights(patients: Sequence[str], resamples: int, seed: int) -> Iterator[Floats]:
    """How often each encounter counts in each resample of the patients: blocks of shape (some, rows).

    Patients are drawn in the order of their first encounter, so that what they are called changes nothing.
    """
    places = {patient: place for place, patient in enumerate(dict.fromkeys(patients))}
    numbers = np.array([places[patient] for patient in patients])
    count, generator = len(places), np.random.default_rng(seed)
    for start in range(0, resamples, AT_A_TIME):
        some = min(AT_A_TIME, resamples - start)
        drawn = generator.integers(0, count, size=(some, count))
        yield np.stack([np.bincount(row, minlength=count) for row in drawn])[:, numbers].astype(np.float64)


def interval(values: Floats) -> Interval:
    """The middle 95 % of a figure's resamples."""
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))


def intervals(labels: Sequence[int], p: Floats, patients: Sequence[str], seed: int) -> dict[str, Interval]:
    """95 % intervals of a candidate's ROC-AUC, PR-AUC and log loss."""
    y = np.asarray(labels, dtype=np.float64)
    ranked, lost = Ranked(y, p), losses(y, p)
    found: dict[str, list[Floats]] = {"roc_auc": [], "pr_auc": [], "log_loss": []}
    for weights in patient_weights(patients, RESAMPLES_FOR_CANDIDATE, seed):
        found["roc_auc"].append(ranked.roc_auc(weights))
        found["pr_auc"].append(ranked.pr_auc(weights))
        found["log_loss"].append(weights @ lost / weights.sum(axis=1))
    return {name: interval(np.concatenate(blocks)) for name, blocks in found.items()}
