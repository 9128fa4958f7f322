"""The verdict on a challenger: the gates of promotion, against the model in production."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from readmit.core.curves import curves_of
from readmit.core.metrics import (
    RESAMPLES_FOR_VERDICT,
    Floats,
    Ranked,
    figures,
    interval,
    patient_weights,
)
from readmit.core.verdict import Interval, Verdict

FIRST_AUC_ABOVE = 0.55
AUC_CHANGE_ABOVE = -0.005
LEAK_AUC_ABOVE = {"within_30_days": 0.70}
"""A lower bound of the AUC above this is a leak until proven otherwise; by target."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """What one model says of the test patients. `probabilities`: shape (rows,), in the order of the labels."""

    version: str
    threshold: float
    probabilities: Floats


def judge(
    target: str,
    labels: Sequence[int],
    patients: Sequence[str],
    challenger: Predictions,
    rival: Predictions | None,
    seed: int,
) -> Verdict:
    """The verdict on a challenger, against the production model of the same target on the same test patients."""
    y = np.asarray(labels, dtype=np.float64)
    aucs, rival_aucs = _resampled_aucs(y, challenger, rival, patients, seed)
    changes = None if rival is None else interval(aucs - rival_aucs)
    own = figures(labels, challenger.probabilities, challenger.threshold)
    other = {} if rival is None else figures(labels, rival.probabilities, rival.threshold)
    against = _against(target, interval(aucs), own, other, changes)
    favour = _in_favour(own, other, interval(aucs), changes)
    if rival is not None and np.array_equal(challenger.probabilities, rival.probabilities):
        against, favour = _of_the_same_model(challenger, rival)
    return Verdict(
        promoted=not against,
        provisional=not against and rival is None,
        reasons=tuple(against) or (favour,),
        version=challenger.version,
        rival=None if rival is None else rival.version,
        figures=own,
        rival_figures=other,
        roc_auc=interval(aucs),
        rival_roc_auc=None if rival is None else interval(rival_aucs),
        roc_auc_change=changes,
        curves=curves_of(labels, challenger.probabilities) if np.isfinite(challenger.probabilities).all() else None,
    )


def _resampled_aucs(
    y: Floats, challenger: Predictions, rival: Predictions | None, patients: Sequence[str], seed: int
) -> tuple[Floats, Floats]:
    """The AUCs of both on the same resamples; without a rival the challenger's twice."""
    ranked = [Ranked(y, judged.probabilities) for judged in (challenger, rival or challenger)]
    blocks = patient_weights(patients, RESAMPLES_FOR_VERDICT, seed)
    found = [[each.roc_auc(weights) for each in ranked] for weights in blocks]
    own, other = zip(*found, strict=True)
    return np.concatenate(own), np.concatenate(other)


def _of_the_same_model(challenger: Predictions, rival: Predictions) -> tuple[list[str], str]:
    """What speaks against, and for, a version whose probabilities are those of the one in production."""
    if challenger.threshold == rival.threshold:
        return [f"it says exactly what version {rival.version} says"], ""
    return [], f"the model of version {rival.version} at another threshold: {challenger.threshold:.4f}"


def _against(
    target: str, auc: Interval, own: dict[str, float], other: dict[str, float], change: Interval | None
) -> list[str]:
    """What speaks against promotion; empty: nothing. Written so that a figure that is NaN speaks against."""
    said, leak = [], LEAK_AUC_ABOVE.get(target)
    if lost := [name for name, value in own.items() if np.isnan(value)]:
        said.append(f"not a number: {', '.join(lost)}")
    if leak is not None and auc.low > leak:
        said.append(f"ROC-AUC is above {leak} beyond doubt (from {auc.low:.3f}): a leak until proven otherwise")
    if change is None:
        if not auc.low > FIRST_AUC_ABOVE:
            said.append(
                f"first model, and the lower bound of its ROC-AUC, {auc.low:.3f}, is not above {FIRST_AUC_ABOVE}"
            )
        return said
    if not own["log_loss"] < other["log_loss"]:
        said.append(f"log loss {own['log_loss']:.5f} is not below {other['log_loss']:.5f}")
    if not change.low > AUC_CHANGE_ABOVE:
        said.append(f"ROC-AUC may fall by {-change.low:.4f}, more than {-AUC_CHANGE_ABOVE}")
    return said


def _in_favour(own: dict[str, float], other: dict[str, float], auc: Interval, change: Interval | None) -> str:
    if change is None:
        return f"first model, provisional: ROC-AUC {own['roc_auc']:.3f} ({auc.low:.3f} to {auc.high:.3f})"
    return (
        f"log loss {own['log_loss']:.5f} against {other['log_loss']:.5f}, "
        f"ROC-AUC {own['roc_auc'] - other['roc_auc']:+.4f} ({change.low:+.4f} to {change.high:+.4f})"
    )
