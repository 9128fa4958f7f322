"""Promotion gates: the verdict on a challenger, compared with the champion, the model in production."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from readmit.core.curves import curves_of
from readmit.core.metrics import (
    RESAMPLES_FOR_VERDICT,
    Floats,
    Ints,
    classification_metrics,
    percentile_interval,
)
from readmit.core.resampled_auc import resampled_aucs
from readmit.core.verdict import Interval, Verdict

MIN_FIRST_AUC = 0.55
"""The lower bound of a first model's ROC-AUC has to be above this."""
MIN_AUC_CHANGE = -0.005
"""The lower bound of the change in ROC-AUC has to be above this."""
MAX_PLAUSIBLE_AUC = {"within_30_days": 0.70}
"""By target: a lower bound of the ROC-AUC above this is presumed to be data leakage."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """A model's predictions on the test split. `probabilities`: shape (rows,), in the order of the labels."""

    version: str
    threshold: float
    probabilities: Floats


def judge(
    target: str,
    labels: Sequence[int],
    patients: Sequence[str] | Ints,
    challenger: Predictions,
    champion: Predictions | None,
    seed: int,
) -> Verdict:
    """Return the verdict on a challenger, against the champion of the same target on the same test patients."""
    y = np.asarray(labels, dtype=np.float64)
    aucs, champion_aucs = _resampled_aucs(y, challenger, champion, patients, seed)
    change = None if champion is None else percentile_interval(aucs - champion_aucs)
    metrics = classification_metrics(labels, challenger.probabilities, challenger.threshold)
    champion_metrics = (
        {} if champion is None else classification_metrics(labels, champion.probabilities, champion.threshold)
    )
    gates = _check_gates(target, percentile_interval(aucs), metrics, champion_metrics, change)
    against = [reason for reason in gates.values() if reason is not None]
    favour = _reason_for(metrics, champion_metrics, percentile_interval(aucs), change)
    if champion is not None and np.array_equal(challenger.probabilities, champion.probabilities):
        against, favour = _reasons_for_identical_model(challenger, champion)
    return Verdict(
        promoted=not against,
        provisional=not against and champion is None,
        reasons=tuple(against) or (favour,),
        version=challenger.version,
        rival=None if champion is None else champion.version,
        figures=metrics,
        rival_figures=champion_metrics,
        roc_auc=percentile_interval(aucs),
        rival_roc_auc=None if champion is None else percentile_interval(champion_aucs),
        roc_auc_change=change,
        curves=curves_of(labels, challenger.probabilities) if np.isfinite(challenger.probabilities).all() else None,
    )


def _resampled_aucs(
    y: Floats, challenger: Predictions, champion: Predictions | None, patients: Sequence[str] | Ints, seed: int
) -> tuple[Floats, Floats]:
    """Return both ROC-AUCs on the same resamples, shape (resamples,); without a champion the challenger's twice."""
    scores = [model.probabilities for model in (challenger, champion) if model is not None]
    aucs = resampled_aucs(y, scores, patients, RESAMPLES_FOR_VERDICT, seed)
    return aucs[0], aucs[-1]


def _reasons_for_identical_model(challenger: Predictions, champion: Predictions) -> tuple[list[str], str]:
    """Return the reasons against, and for, a challenger with the same probabilities as the champion."""
    if challenger.threshold == champion.threshold:
        return [f"its predictions are identical to those of version {champion.version}"], ""
    return [], f"the model of version {champion.version} at another threshold: {challenger.threshold:.4f}"


def gates_passed(verdict: Verdict, target: str) -> dict[str, bool]:
    """Return whether the challenger passed each gate that applied to it."""
    reasons = _check_gates(target, verdict.roc_auc, verdict.figures, verdict.rival_figures, verdict.roc_auc_change)
    # A challenger that equals the champion is refused for that alone, and promoted for another threshold alone.
    identical = not verdict.promoted and verdict.figures == verdict.rival_figures
    passed = {gate: verdict.promoted or identical or reason is None for gate, reason in reasons.items()}
    return passed if verdict.rival is None else passed | {"new_predictions": not identical}


def _check_gates(
    target: str, auc: Interval, metrics: dict[str, float], champion_metrics: dict[str, float], change: Interval | None
) -> dict[str, str | None]:
    """Return the reason against promotion by gate, None where it is passed. Comparisons are such that a NaN fails."""
    invalid, max_auc = [name for name, value in metrics.items() if np.isnan(value)], MAX_PLAUSIBLE_AUC.get(target)
    reasons = {"finite_metrics": f"not a number: {', '.join(invalid)}" if invalid else None}
    if max_auc is not None:
        reasons["plausible_roc_auc"] = (
            f"the lower bound of the ROC-AUC, {auc.low:.3f}, is above {max_auc}: presumed data leakage"
            if auc.low > max_auc
            else None
        )
    if change is None:
        reasons["first_roc_auc"] = (
            None
            if auc.low > MIN_FIRST_AUC
            else f"first model, and the lower bound of its ROC-AUC, {auc.low:.3f}, is not above {MIN_FIRST_AUC}"
        )
        return reasons
    reasons["log_loss"] = (
        None
        if metrics["log_loss"] < champion_metrics["log_loss"]
        else f"log loss {metrics['log_loss']:.5f} is not below {champion_metrics['log_loss']:.5f}"
    )
    reasons["roc_auc_change"] = (
        None if change.low > MIN_AUC_CHANGE else f"ROC-AUC may fall by {-change.low:.4f}, more than {-MIN_AUC_CHANGE}"
    )
    return reasons


def _reason_for(
    metrics: dict[str, float], champion_metrics: dict[str, float], auc: Interval, change: Interval | None
) -> str:
    if change is None:
        return f"first model, provisional: ROC-AUC {metrics['roc_auc']:.3f} ({auc.low:.3f} to {auc.high:.3f})"
    return (
        f"log loss {metrics['log_loss']:.5f} against {champion_metrics['log_loss']:.5f}, "
        f"ROC-AUC {metrics['roc_auc'] - champion_metrics['roc_auc']:+.4f} ({change.low:+.4f} to {change.high:+.4f})"
    )
