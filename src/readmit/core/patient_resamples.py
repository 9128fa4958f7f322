"""Bootstrap resamples of patients, on which any number of figures are computed from the same draws.

Patients are resampled, not encounters: the encounters of a patient are correlated (cluster bootstrap; Davison and
Hinkley 1997, section 3.8).
"""

from collections.abc import Iterator, Sequence
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from readmit.core.estimate import Estimate
from readmit.core.metrics import CONFIDENCE_LEVEL, Floats, Ints, draw_patients, number_patients
from readmit.core.resampled_auc import ResampledAuc

Bools = npt.NDArray[np.bool_]


class PatientResamples:
    """How often each patient is drawn in each resample. `patients`: of each encounter, shape (rows,)."""

    def __init__(self, patients: Sequence[str] | Ints, resamples: int, seed: int) -> None:
        self.numbers = number_patients(patients)
        # A patient is drawn once on average, and never as often as 256 times.
        self._drawn = [block.astype(np.uint8) for block in draw_patients(self.numbers, resamples, seed)]
        self._patients = self._drawn[0].shape[1]

    def sums(self, values: Floats) -> Floats:
        """Return the sums of columns of encounters, shape (rows, columns), on each resample: (resamples, columns)."""
        by_patient = np.zeros((self._patients, values.shape[1]))
        np.add.at(by_patient, self.numbers, values)
        return np.concatenate([block.astype(np.float64) @ by_patient for block in self._drawn])

    def roc_aucs(self, labels: Floats, scores: Floats, rows: Bools | None = None) -> Floats:
        """Return the ROC-AUC of a model on each resample, shape (resamples,), of some encounters or of all.

        NaN where a resample has one outcome only.
        """
        chosen = slice(None) if rows is None else rows
        model = ResampledAuc(labels[chosen], scores[chosen], self.numbers[chosen])
        with np.errstate(invalid="ignore"):
            return np.array([model.roc_auc(row.astype(np.int64)) for block in self._drawn for row in block])

    def weights(self) -> Iterator[Floats]:
        """Yield the weight of each encounter in blocks of resamples, shape (block size, rows)."""
        for block in self._drawn:
            yield block[:, self.numbers].astype(np.float64)


def percentile_estimate(value: float, resampled: Floats) -> Estimate:
    """Return a figure with the central 95 % of its resamples; those where it is undefined are left out.

    Percentile bootstrap (Efron 1979). NaN bounds when it is undefined on every resample.
    """
    defined = resampled[np.isfinite(resampled)]
    if defined.size == 0:
        return Estimate(value, np.nan, np.nan)
    low, high = np.quantile(defined, [(1 - CONFIDENCE_LEVEL) / 2, (1 + CONFIDENCE_LEVEL) / 2])
    return Estimate(value, float(low), float(high))


def normal_estimate(value: float, resampled: Floats, comparisons: int) -> Estimate:
    """Return a figure with a 95 % interval for one of several comparisons: 1 - 0.05 / comparisons (Bonferroni).

    From the bootstrap's standard error (Efron and Tibshirani 1993, section 12.2): 1,000 resamples do not reach the far
    tails that percentiles of many comparisons would need.
    """
    deviations = NormalDist().inv_cdf(1 - (1 - CONFIDENCE_LEVEL) / comparisons / 2)
    margin = deviations * float(np.std(resampled, ddof=1))
    return Estimate(value, value - margin, value + margin)


def ratio_estimate(resamples: PatientResamples, numerator: Floats, denominator: Floats) -> Estimate:
    """Return the ratio of two sums over the encounters, each of shape (rows,). NaN when the denominator is 0."""
    value = float(numerator.sum() / denominator.sum()) if denominator.sum() else np.nan
    return percentile_estimate(value, resampled_ratios(resamples, numerator, denominator))


def resampled_ratios(resamples: PatientResamples, numerator: Floats, denominator: Floats) -> Floats:
    """Return the ratio of two sums over the encounters on each resample, shape (resamples,)."""
    sums = resamples.sums(np.column_stack([numerator, denominator]))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[:, 0] / sums[:, 1])
