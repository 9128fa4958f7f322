"""The verdict on a challenger, from the gates that apply to it."""

from dataclasses import dataclass

import numpy as np

from readmit.core.curves import curves_of
from readmit.core.estimate import Estimate
from readmit.core.metrics import RESAMPLES_FOR_VERDICT, Floats, classification_metrics, percentile_interval
from readmit.core.patient_resamples import PatientResamples, normal_estimate
from readmit.core.promotion_gates import GateKeeper, Gates, HeldOutPatients, Predictions, signed
from readmit.core.verdict import Interval, Verdict

BEST_PREFIX = "best_"
"""Prefix of the gates of the comparison with the best earlier version."""


@dataclass(frozen=True, slots=True)
class EarlierModels:
    """The models that a challenger is compared with, each None when there is none.

    `champion`: in production; `best`: the best earlier version, when it is another one than the champion.
    """

    champion: Predictions | None
    best: Predictions | None


def judge(
    held_out: HeldOutPatients,
    challenger: Predictions,
    earlier: EarlierModels,
    consultations: int,
    seed: int,
    resamples: int = RESAMPLES_FOR_VERDICT,
) -> Verdict:
    """Return the verdict on a challenger, against models of the same target on the same test patients.

    `consultations`: verdicts on models of this target so far, this one included.
    """
    y, champion = held_out.labels, earlier.champion
    draws = PatientResamples(held_out.patients, resamples, seed)
    aucs = [draws.roc_aucs(y, model.probabilities) for model in (challenger, champion) if model is not None]
    figures, rival_figures = _figures(y, challenger), {} if champion is None else _figures(y, champion)
    finite = bool(np.isfinite(list(figures.values())).all())
    auc = normal_estimate(figures["roc_auc"], aucs[0], consultations)
    decision = _Decision(_finite_metrics(figures), "", None)
    if finite:
        decision = _decide(GateKeeper(held_out, draws, consultations), challenger, earlier, auc)
    against = [f"{gate}: {reason}" for gate, reason in decision.gates.items() if reason is not None]
    return Verdict(
        promoted=not against,
        provisional=not against and champion is None,
        reasons=tuple(against) or (decision.in_favour,),
        version=challenger.version,
        rival=None if champion is None else champion.version,
        figures=figures,
        rival_figures=rival_figures,
        roc_auc=percentile_interval(aucs[0]),
        rival_roc_auc=None if champion is None else percentile_interval(aucs[1]),
        roc_auc_change=decision.auc_change,
        curves=curves_of(y.astype(int).tolist(), challenger.probabilities) if finite else None,
        gates=decision.gates,
        best=None if earlier.best is None else earlier.best.version,
        consultations=consultations,
    )


@dataclass(frozen=True, slots=True)
class _Decision:
    """The gates, the reason in favour if all are passed, and the change against the champion."""

    gates: Gates
    in_favour: str
    auc_change: Interval | None


def _figures(y: Floats, model: Predictions) -> dict[str, float]:
    return classification_metrics(y.astype(int).tolist(), model.probabilities, model.threshold)


def _finite_metrics(figures: dict[str, float]) -> Gates:
    invalid = [name for name, value in figures.items() if not np.isfinite(value)]
    return {"finite_metrics": f"not a number: {', '.join(invalid)}" if invalid else None}


def _decide(keeper: GateKeeper, challenger: Predictions, earlier: EarlierModels, auc: Estimate) -> _Decision:
    """Return the decision on a challenger whose metrics are all finite."""
    gates: Gates = {"finite_metrics": None, **keeper.check_leak(auc), **keeper.check_alone(challenger)}
    champion = earlier.champion
    if champion is None:
        in_favour = f"first model, provisional: ROC-AUC {auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f})"
        return _Decision(gates | keeper.check_first(challenger, auc), in_favour, None)
    if np.array_equal(challenger.probabilities, champion.probabilities):
        in_favour = f"the model of version {champion.version} at another threshold: {challenger.threshold:.4f}"
        return _Decision(gates | _check_threshold(challenger, champion), in_favour, Interval(0.0, 0.0))
    auc_change, loss_change = keeper.auc_change(challenger, champion), keeper.loss_change(challenger, champion)
    better = auc_change.low > 0 or loss_change.high < 0
    gates |= keeper.check_change(auc_change, loss_change, champion.version)
    gates |= keeper.check_groups(challenger, champion)
    if earlier.best is not None:
        best = earlier.best
        changes = keeper.auc_change(challenger, best), keeper.loss_change(challenger, best)
        gates |= keeper.check_change(*changes, best.version, BEST_PREFIX)
    if not better:
        gates |= _check_data(challenger, champion)
    figures = f"ROC-AUC {signed(auc_change)}, log loss {signed(loss_change, 5)}"
    since = f"trained on more data, batches 1 to {challenger.batch}, and not clearly worse than version "
    reason = "better than version " if better else since
    in_favour = f"{reason}{champion.version}: {figures}"
    return _Decision(gates, in_favour, Interval(auc_change.low, auc_change.high))


def _check_threshold(challenger: Predictions, champion: Predictions) -> Gates:
    """Return the gate against a challenger with the champion's probabilities and threshold."""
    identical = f"its predictions are identical to those of version {champion.version}"
    return {"new_predictions": identical if challenger.threshold == champion.threshold else None}


def _check_data(challenger: Predictions, champion: Predictions) -> Gates:
    """Return the gate against a tie: it is promoted if it was trained on more data, since those are more recent."""
    tie = f"no better than version {champion.version}, and not trained on more data"
    return {"more_data": tie if challenger.batch <= champion.batch else None}
