"""The curves by which a model is looked at: ROC, precision and recall, calibration; thinned to what an eye can see."""

from collections.abc import Sequence

import numpy as np

from readmit.core.metrics import BINS, Floats
from readmit.core.verdict import Curves, Points

POINTS = 100
"""At most so many of ROC, and of precision and recall."""


def curves_of(labels: Sequence[int], probabilities: Floats) -> Curves:
    """The curves of one model on one split, in which both outcomes occur."""
    # It takes a second and a half, for which nobody should wait who only reads a verdict.
    from sklearn.metrics import precision_recall_curve, roc_curve

    false_rate, true_rate, _ = roc_curve(labels, probabilities)
    precision, recall, _ = precision_recall_curve(labels, probabilities)
    # The last point, recall 0 at precision 1, is put there by convention and by no patient.
    recall, precision = recall[-2::-1], precision[-2::-1]
    return Curves(
        _thinned(false_rate, true_rate),
        _thinned(recall, precision),
        _calibration(np.asarray(labels, dtype=np.float64), probabilities),
    )


def _thinned(x: Floats, y: Floats) -> Points:
    """The points that stand at even steps along x, first and last included."""
    wanted = np.searchsorted(x, np.linspace(x[0], x[-1], POINTS - 1))
    kept = sorted({0, len(x) - 1, *wanted.tolist()})
    return tuple((round(float(x[place]), 5), round(float(y[place]), 5)) for place in kept)


def _calibration(y: Floats, p: Floats) -> Points:
    order = np.argsort(p, kind="stable")
    bins = [part for part in np.array_split(order, BINS) if part.size]
    return tuple((round(float(p[part].mean()), 5), round(float(y[part].mean()), 5)) for part in bins)
