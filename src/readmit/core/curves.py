"""Evaluation curves of a model: ROC, precision-recall and calibration, downsampled for plotting."""

from collections.abc import Sequence

import numpy as np

from readmit.core.metrics import BINS, Floats
from readmit.core.verdict import Curves, Points

MAX_POINTS = 100
"""Maximum number of points of the ROC curve, and of the precision-recall curve."""


def curves_of(labels: Sequence[int], probabilities: Floats) -> Curves:
    """Return the curves of a model on a split in which both outcomes occur."""
    # Imported here: it takes 1.5 s, which readers of stored verdicts should not wait for.
    from sklearn.metrics import precision_recall_curve, roc_curve

    false_rate, true_rate, _ = roc_curve(labels, probabilities)
    precision, recall, _ = precision_recall_curve(labels, probabilities)
    # Drop the last point, recall 0 at precision 1: scikit-learn adds it by convention.
    recall, precision = recall[-2::-1], precision[-2::-1]
    return Curves(
        _downsample(false_rate, true_rate),
        _downsample(recall, precision),
        _calibration(np.asarray(labels, dtype=np.float64), probabilities),
    )


def _downsample(x: Floats, y: Floats) -> Points:
    """Return points at even steps along x, including the first and the last."""
    nearest = np.searchsorted(x, np.linspace(x[0], x[-1], MAX_POINTS - 1))
    indices = sorted({0, len(x) - 1, *nearest.tolist()})
    return tuple((round(float(x[index]), 5), round(float(y[index]), 5)) for index in indices)


def _calibration(y: Floats, p: Floats) -> Points:
    order = np.argsort(p, kind="stable")
    bins = [part for part in np.array_split(order, BINS) if part.size]
    return tuple((round(float(p[part].mean()), 5), round(float(y[part].mean()), 5)) for part in bins)
