"""Calibration of probabilities: the slope and intercept of the logistic recalibration (Cox 1958), and a chance ECE.

Slope below 1: the probabilities are too extreme; above 1: not extreme enough. Intercept above 0 at slope 1: they are
too low (calibration in the large; Van Calster et al. 2019, BMC Medicine 17:230).
"""

from dataclasses import dataclass

import numpy as np

from readmit.core.metrics import Floats, expected_calibration_error
from readmit.core.patient_resamples import PatientResamples

MAX_ITERATIONS, TOLERANCE = 25, 1e-8
SIMULATIONS = 200
"""Simulated outcomes of which the chance ECE is the mean."""


@dataclass(frozen=True, slots=True)
class Recalibration:
    """The logistic regression of the outcomes on the logits of the probabilities."""

    slope: float
    intercept: float


def recalibration(labels: Floats, probabilities: Floats) -> Recalibration:
    """Return the slope and the intercept of a model, of shape (rows,) each."""
    intercept, slope = _fit(logits(probabilities), labels, np.ones((1, labels.size)))[0]
    return Recalibration(float(slope), float(intercept))


def resampled_slopes(labels: Floats, probabilities: Floats, resamples: PatientResamples) -> Floats:
    """Return the slope on each resample, shape (resamples,)."""
    return resampled_recalibrations(labels, probabilities, resamples)[:, 1]


def resampled_recalibrations(labels: Floats, probabilities: Floats, resamples: PatientResamples) -> Floats:
    """Return the intercept and the slope on each resample, shape (resamples, 2)."""
    x = logits(probabilities)
    return np.concatenate([_fit(x, labels, weights) for weights in resamples.weights()])


def logits(probabilities: Floats) -> Floats:
    """Return the log-odds, of probabilities clipped to float64 epsilon from 0 and 1."""
    epsilon = np.finfo(np.float64).eps
    clipped = np.clip(probabilities, epsilon, 1 - epsilon)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))


def chance_calibration_error(probabilities: Floats, seed: int) -> float:
    """Return the mean ECE that a perfectly calibrated model of these probabilities has, by simulated outcomes.

    An ECE is never 0 on a finite sample: this is what chance alone gives (Bröcker and Smith 2007).
    """
    rng = np.random.default_rng(seed)
    outcomes = ((rng.random(probabilities.size) < probabilities).astype(np.float64) for _ in range(SIMULATIONS))
    return float(np.mean([expected_calibration_error(drawn, probabilities) for drawn in outcomes]))


def _fit(x: Floats, labels: Floats, weights: Floats) -> Floats:
    """Return intercept and slope of weighted logistic regressions by Newton's method, shape (regressions, 2).

    `weights`: shape (regressions, rows). NaN where the outcomes do not determine them.
    """
    design = np.column_stack([np.ones_like(x), x])
    coefficients: Floats = np.tile([0.0, 1.0], (len(weights), 1))
    open_rows = np.ones(len(weights), dtype=bool)
    for _ in range(MAX_ITERATIONS):
        change = _newton_step(coefficients, design, labels, weights)
        coefficients = coefficients + change
        open_rows = ~(np.abs(change).max(axis=1) <= TOLERANCE)
        if not open_rows.any():
            break
    coefficients[open_rows] = np.nan
    return coefficients


def _newton_step(coefficients: Floats, design: Floats, labels: Floats, weights: Floats) -> Floats:
    """Return the change of each regression's coefficients, shape (regressions, 2)."""
    x = design[:, 1]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        fitted = 1 / (1 + np.exp(-coefficients @ design.T))
        first, second = ((weights * (labels - fitted)) @ design).T
        a, b, c = ((weights * fitted * (1 - fitted)) @ np.column_stack([design, x * x])).T
        return np.asarray(np.column_stack([c * first - b * second, a * second - b * first]) / (a * c - b * b)[:, None])
