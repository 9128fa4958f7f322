"""The figures of a prospective evaluation, from the probabilities for a batch and its outcomes."""

from collections.abc import Sequence

import numpy as np

from readmit.core.calibration import recalibration, resampled_slopes
from readmit.core.metrics import RESAMPLES_FOR_VERDICT, Floats, Ints, RankedScores, log_losses
from readmit.core.patient_resamples import PatientResamples, percentile_estimate, ratio_estimate
from readmit.core.prospective import EvaluatedModel, ProspectiveEvaluation


def evaluate_prospectively(
    model: EvaluatedModel, labels: Sequence[int], probabilities: Floats, patients: Sequence[str] | Ints, seed: int
) -> ProspectiveEvaluation:
    """Return the figures of a model on a batch. `labels`, `probabilities` and `patients`: of each stay, shape (rows,).

    Raises ValueError when the batch has no stays, or the model has learned from it.
    """
    if not len(labels):
        raise ValueError("there are no stays to evaluate a model on")
    if model.trained_on >= model.batch:
        raise ValueError(f"version {model.version} was trained on batch {model.trained_on}, not before {model.batch}")
    y, p = np.asarray(labels, dtype=np.float64), probabilities
    resamples, everyone = PatientResamples(patients, RESAMPLES_FOR_VERDICT, seed), np.ones(y.size)
    flagged = (p >= model.threshold).astype(np.float64)
    return ProspectiveEvaluation(
        model=model,
        encounters=y.size,
        patients=np.unique(resamples.numbers).size,
        events=int(y.sum()),
        roc_auc=percentile_estimate(_roc_auc(y, p), resamples.roc_aucs(y, p)),
        observed_expected=ratio_estimate(resamples, y, p),
        calibration_slope=percentile_estimate(recalibration(y, p).slope, resampled_slopes(y, p, resamples)),
        log_loss=ratio_estimate(resamples, log_losses(y, p), everyone),
        flagged=ratio_estimate(resamples, flagged, everyone),
        precision=ratio_estimate(resamples, y * flagged, flagged),
        recall=ratio_estimate(resamples, y * flagged, y),
    )


def _roc_auc(labels: Floats, probabilities: Floats) -> float:
    with np.errstate(invalid="ignore"):
        return float(RankedScores(labels, probabilities).roc_auc(np.ones((1, labels.size)))[0])
