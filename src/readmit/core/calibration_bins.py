"""The calibration curve: the observed rate in bins of equal mass, each with the score interval of a binomial rate.

Wilson 1927; recommended by Brown, Cai and DasGupta 2001, 'Interval Estimation for a Binomial Proportion'. Unlike a
bootstrap's it has a width where a bin has no readmission. It takes the encounters of a bin as independent.
"""

import math
from statistics import NormalDist

import numpy as np

from readmit.core.evaluation import CalibrationBin, Measure
from readmit.core.metrics import BINS, CONFIDENCE_LEVEL, Floats


def calibration_bins(labels: Floats, probabilities: Floats) -> tuple[CalibrationBin, ...]:
    """Return the bins over which the ECE is computed, by increasing probability. Both of shape (rows,)."""
    order = np.argsort(probabilities, kind="stable")
    bins = [rows for rows in np.array_split(order, BINS) if rows.size]
    return tuple(
        CalibrationBin(float(probabilities[rows].mean()), wilson_interval(int(labels[rows].sum()), rows.size))
        for rows in bins
    )


def wilson_interval(events: int, encounters: int) -> Measure:
    """Return a rate with its 95 % score interval."""
    z, rate = NormalDist().inv_cdf((1 + CONFIDENCE_LEVEL) / 2), events / encounters
    scale = 1 + z**2 / encounters
    centre = (rate + z**2 / (2 * encounters)) / scale
    margin = z / scale * math.sqrt(rate * (1 - rate) / encounters + z**2 / (4 * encounters**2))
    return Measure(rate, max(0.0, centre - margin), min(1.0, centre + margin))
