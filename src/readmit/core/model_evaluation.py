"""The evaluation of a version, computed from its predictions for the test split."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from readmit.core.calibration import chance_calibration_error, recalibration, resampled_recalibrations
from readmit.core.calibration_bins import calibration_bins
from readmit.core.curves import curves_of
from readmit.core.decision_curve import decision_curve
from readmit.core.encounter import INPATIENT_STAYS
from readmit.core.evaluation import CalibrationFigures, Importance, Measure, OperatingPoint, VersionEvaluation
from readmit.core.metrics import (
    RESAMPLES_FOR_VERDICT,
    Floats,
    Ints,
    RankedScores,
    expected_calibration_error,
    log_losses,
    require_both_outcomes,
)
from readmit.core.patient_resamples import Bools, PatientResamples, percentile_estimate, ratio_estimate
from readmit.core.subgroup_figures import subgroup_figures
from readmit.core.subgroups import subgroups
from readmit.core.suppression import BATCH
from readmit.core.version import Version

FIRST_BATCH = 1
"""The batch that every version is compared on: all versions have its test patients, and none was trained on them."""


@dataclass(frozen=True, slots=True)
class EvaluatedEncounters:
    """The test encounters with a model's `probabilities`, each of shape (rows,) but `encounters`, a model input.

    `batches`: the batch of each; `reference`: the probabilities of the reference model, None where there is none.
    """

    encounters: pd.DataFrame
    labels: Floats
    patients: Ints
    batches: Ints
    probabilities: Floats
    reference: Floats | None


def evaluate(
    version: Version, rows: EvaluatedEncounters, importances: Mapping[str, Importance], seed: int
) -> VersionEvaluation:
    """Return the evaluation of a version. `seed`: of the bootstrap and of the simulated outcomes.

    Raises TooFewEncounters when only one outcome occurs.
    """
    y, p = rows.labels, rows.probabilities
    require_both_outcomes(y)
    resamples = PatientResamples(rows.patients, RESAMPLES_FOR_VERDICT, seed)
    flagged, curves = p >= version.threshold, curves_of(y.astype(int).tolist(), p)
    stays = rows.encounters[INPATIENT_STAYS].to_numpy(dtype=np.float64)
    groups = subgroups(rows.encounters).assign(**{BATCH: rows.batches.astype(str).astype(object)})
    return VersionEvaluation(
        version=version.number,
        candidate=version.candidate,
        target=version.target,
        threshold=version.threshold,
        batch=version.batch,
        encounters=y.size,
        patients=int(np.unique(rows.patients).size),
        readmitted=int(y.sum()),
        resamples=RESAMPLES_FOR_VERDICT,
        roc_auc=_roc_auc(y, p, resamples, np.ones(y.size, dtype=bool)),
        pr_auc=_pr_auc(y, p, resamples),
        log_loss=Measure.of(ratio_estimate(resamples, log_losses(y, p), np.ones(y.size))),
        comparable_roc_auc=_comparable_roc_auc(rows, resamples),
        roc=curves.roc,
        precision_recall=curves.precision_recall,
        calibration=_calibration(y, p, resamples, seed),
        operating_point=operating_point(y, flagged, resamples),
        decision_curve=decision_curve(y, p, stays, rows.reference, resamples),
        subgroups=subgroup_figures(groups, y, p, flagged, resamples),
        importances=importances,
    )


def operating_point(labels: Floats, flagged: Bools, resamples: PatientResamples) -> OperatingPoint:
    """Return what the flags are worth. Both of shape (rows,)."""
    alarms, everyone = flagged.astype(np.float64), np.ones(labels.size)
    hits = labels * alarms
    ratios = {
        "ppv": (hits, alarms),
        "sensitivity": (hits, labels),
        "specificity": ((1 - labels) * (1 - alarms), 1 - labels),
        "alerts_per_100": (100 * alarms, everyone),
        "alerts_per_readmission": (alarms, hits),
    }
    return OperatingPoint(**{name: Measure.of(ratio_estimate(resamples, *pair)) for name, pair in ratios.items()})


def _roc_auc(labels: Floats, probabilities: Floats, resamples: PatientResamples, rows: Bools) -> Measure:
    weights = np.ones((1, int(rows.sum())))
    value = float(RankedScores(labels[rows], probabilities[rows]).roc_auc(weights)[0])
    return Measure.of(percentile_estimate(value, resamples.roc_aucs(labels, probabilities, rows)))


def _pr_auc(labels: Floats, probabilities: Floats, resamples: PatientResamples) -> Measure:
    ranked = RankedScores(labels, probabilities)
    value = float(ranked.pr_auc(np.ones((1, labels.size)))[0])
    # A resample without a readmission has none.
    with np.errstate(invalid="ignore"):
        resampled = np.concatenate([ranked.pr_auc(weights) for weights in resamples.weights()])
    return Measure.of(percentile_estimate(value, resampled))


def _comparable_roc_auc(rows: EvaluatedEncounters, resamples: PatientResamples) -> Measure | None:
    """Return the ROC-AUC on FIRST_BATCH; None when the snapshot does not have it, or it has one outcome only."""
    first = rows.batches == FIRST_BATCH
    if not first.any() or not 0 < rows.labels[first].mean() < 1:
        return None
    return _roc_auc(rows.labels, rows.probabilities, resamples, first)


def _calibration(labels: Floats, probabilities: Floats, resamples: PatientResamples, seed: int) -> CalibrationFigures:
    fitted, resampled = (
        recalibration(labels, probabilities),
        resampled_recalibrations(labels, probabilities, resamples),
    )
    return CalibrationFigures(
        bins=calibration_bins(labels, probabilities),
        slope=Measure.of(percentile_estimate(fitted.slope, resampled[:, 1])),
        intercept=Measure.of(percentile_estimate(fitted.intercept, resampled[:, 0])),
        observed_expected=Measure.of(ratio_estimate(resamples, labels, probabilities)),
        ece=expected_calibration_error(labels, probabilities),
        ece_by_chance=chance_calibration_error(probabilities, seed),
    )
