"""Evaluation metrics of a model, and their 95 % confidence intervals by the percentile bootstrap over patients.

Patients are resampled, not encounters, because the encounters of a patient are correlated (cluster bootstrap; Davison
and Hinkley 1997, section 3.8). A resample is a weight per encounter, so that a metric is computed for many resamples
at once.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from readmit.core.errors import TooFewEncounters
from readmit.core.verdict import Interval

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CONFIDENCE_LEVEL = 0.95
BINS = 20
RESAMPLES_FOR_VERDICT, RESAMPLES_FOR_CANDIDATE = 1000, 200
RESAMPLES_PER_BLOCK, WEIGHTS_PER_BLOCK = 50, 2_000_000
"""Resamples in memory at a time, and their weights: fewer resamples when there are many encounters."""


def ranks_of(scores: Floats) -> Ints:
    """Return the rank of each score, shape (rows,): 0 for the highest, the same for equal ones. NaN ranks last."""
    order = np.argsort(-scores, kind="stable")
    ranked, ranks = scores[order], np.empty(scores.size, dtype=np.int64)
    ranks[order] = np.cumsum(np.r_[False, ranked[1:] != ranked[:-1]])
    return ranks


class RankedScores:
    """Scores sorted once, highest first, ties grouped: the basis of ROC and precision-recall."""

    def __init__(self, labels: Floats, scores: Floats) -> None:
        self._order = np.argsort(-scores, kind="stable")
        ranked = scores[self._order]
        self._starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
        self._positive = labels[self._order]

    def _counts(self, weights: Floats) -> tuple[Floats, Floats]:
        """Return weighted positives and negatives per group of ties, each of shape (resamples, groups)."""
        ranked = weights[:, self._order]
        positive = np.add.reduceat(ranked * self._positive, self._starts, axis=1)
        return positive, np.add.reduceat(ranked, self._starts, axis=1) - positive

    def roc_auc(self, weights: Floats) -> Floats:
        """Return the weighted ROC-AUC (Mann-Whitney U) per resample. `weights`: shape (resamples, rows)."""
        positive, negative = self._counts(weights)
        below = np.cumsum(negative[:, ::-1], axis=1)[:, ::-1] - negative
        pairs = positive.sum(axis=1) * negative.sum(axis=1)
        return np.asarray((positive * (below + negative / 2)).sum(axis=1) / pairs)

    def pr_auc(self, weights: Floats) -> Floats:
        """Return average precision per resample: precision at each score, weighted by the increase in recall.

        `weights`: shape (resamples, rows).
        """
        positive, negative = self._counts(weights)
        hits, flagged = np.cumsum(positive, axis=1), np.cumsum(positive + negative, axis=1)
        precision = np.divide(hits, flagged, out=np.zeros_like(hits), where=flagged > 0)
        return np.asarray((positive * precision).sum(axis=1) / positive.sum(axis=1))


def log_losses(labels: Floats, probabilities: Floats) -> Floats:
    """Return the log loss of each row, shape (rows,), with probabilities clipped to float64 epsilon from 0 and 1."""
    epsilon = np.finfo(np.float64).eps
    clipped = np.clip(probabilities, epsilon, 1 - epsilon)
    return np.asarray(-(labels * np.log(clipped) + (1 - labels) * np.log(1 - clipped)))


def expected_calibration_error(labels: Floats, probabilities: Floats) -> float:
    """Return the mean gap between observed rate and mean probability over BINS bins of equal mass.

    Expected calibration error (ECE): Naeini, Cooper and Hauskrecht 2015.
    """
    order = np.argsort(probabilities, kind="stable")
    bins = [rows for rows in np.array_split(order, BINS) if rows.size]
    gaps = [rows.size * abs(labels[rows].mean() - probabilities[rows].mean()) for rows in bins]
    return float(sum(gaps) / labels.size)


def require_both_outcomes(labels: Floats) -> None:
    """Check that both outcomes occur. Raises TooFewEncounters otherwise."""
    if not 0 < labels.mean() < 1:
        raise TooFewEncounters("a split contains only one outcome: metrics are undefined")


def classification_metrics(labels: Sequence[int], probabilities: Floats, threshold: float) -> dict[str, float]:
    """Return all metrics of a model on a split. `skill`: 1 - log loss / log loss of the base rate.

    Raises TooFewEncounters when only one outcome occurs.
    """
    y, p = np.asarray(labels, dtype=np.float64), probabilities
    require_both_outcomes(y)
    ranked, unweighted = RankedScores(y, p), np.ones((1, y.size))
    loss, base = float(log_losses(y, p).mean()), float(y.mean())
    return {
        "roc_auc": float(ranked.roc_auc(unweighted)[0]),
        "pr_auc": float(ranked.pr_auc(unweighted)[0]),
        "log_loss": loss,
        "skill": 1 - loss / float(log_losses(y, np.full_like(y, base)).mean()),
        "brier": float(((p - y) ** 2).mean()),
        "ece": expected_calibration_error(y, p),
        "observed_expected": float(y.sum() / p.sum()),
        "base_rate": base,
        **_threshold_metrics(y, p >= threshold),
    }


def _threshold_metrics(y: Floats, flagged: npt.NDArray[np.bool_]) -> dict[str, float]:
    """Return the metrics at a threshold. Precision and F1 are 0 when nobody is flagged, as in scikit-learn."""
    hits = float(y[flagged].sum())
    recall, precision = hits / float(y.sum()), hits / max(float(flagged.sum()), 1.0)
    return {
        "accuracy": float((flagged == (y == 1)).mean()),
        "precision": precision,
        "recall": recall,
        "f1": 2 * hits / float(flagged.sum() + y.sum()),
        "flagged": float(flagged.mean()),
    }


def patient_weights(patients: Sequence[str] | Ints, resamples: int, seed: int) -> Iterator[Floats]:
    """Yield each encounter's weight in each bootstrap resample of the patients, in blocks of shape (block size, rows).

    IDs of patients have no effect.
    """
    numbers = number_patients(patients)
    for drawn in draw_patients(numbers, resamples, seed):
        yield drawn[:, numbers].astype(np.float64)


def number_patients(patients: Sequence[str] | Ints) -> Ints:
    """Return each encounter's patient as a number, shape (rows,), in the order of the patients' first encounters."""
    _, first, sorted_numbers = np.unique(np.asarray(patients), return_index=True, return_inverse=True)
    numbers = np.empty(first.size, dtype=np.int64)
    numbers[np.argsort(first)] = np.arange(first.size)
    return np.asarray(numbers[sorted_numbers])


def draw_patients(numbers: Ints, resamples: int, seed: int) -> Iterator[Ints]:
    """Yield how often each patient is drawn in each bootstrap resample, in blocks of shape (block size, patients)."""
    count, rng = int(numbers.max()) + 1, np.random.default_rng(seed)
    block = min(RESAMPLES_PER_BLOCK, max(1, WEIGHTS_PER_BLOCK // numbers.size))
    for start in range(0, resamples, block):
        drawn = rng.integers(0, count, size=(min(block, resamples - start), count))
        yield np.stack([np.bincount(row, minlength=count) for row in drawn])


def percentile_interval(values: Floats) -> Interval:
    """Return the central 95 % of a metric's resamples (percentile bootstrap; Efron 1979)."""
    low, high = np.quantile(values, [(1 - CONFIDENCE_LEVEL) / 2, (1 + CONFIDENCE_LEVEL) / 2])
    return Interval(float(low), float(high))


def bootstrap_intervals(
    labels: Sequence[int], p: Floats, patients: Sequence[str] | Ints, seed: int
) -> dict[str, Interval]:
    """Return 95 % intervals of a candidate's ROC-AUC, PR-AUC and log loss."""
    y = np.asarray(labels, dtype=np.float64)
    ranked, losses = RankedScores(y, p), log_losses(y, p)
    samples: dict[str, list[Floats]] = {"roc_auc": [], "pr_auc": [], "log_loss": []}
    for weights in patient_weights(patients, RESAMPLES_FOR_CANDIDATE, seed):
        samples["roc_auc"].append(ranked.roc_auc(weights))
        samples["pr_auc"].append(ranked.pr_auc(weights))
        samples["log_loss"].append(weights @ losses / weights.sum(axis=1))
    return {name: percentile_interval(np.concatenate(blocks)) for name, blocks in samples.items()}
