"""Promotion gates: the evidence against a challenger, on patients that no model was fitted to.

A gate refuses on evidence of harm only: where the whole interval of a figure is beyond its limit. The intervals are of
level 1 - 0.05 / verdicts so far (Bonferroni), since a test split that is consulted every day is wrong some day.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from readmit.core.calibration import recalibration, resampled_slopes
from readmit.core.estimate import Estimate
from readmit.core.metrics import Floats, Ints, RankedScores, log_losses
from readmit.core.net_benefit import benefits
from readmit.core.patient_resamples import Bools, PatientResamples, normal_estimate, resampled_ratios

MIN_FIRST_AUC = 0.55
"""The lower bound of a first model's ROC-AUC has to be above this."""
MIN_AUC_CHANGE = -0.005
"""A ROC-AUC that is clearly lower by more than this is harm."""
MAX_LOG_LOSS_CHANGE = 0.004
"""The same for the log loss, as a share of the base rate's.

Skill is about 2 (AUC - 0.5)^2 on the real file: 0.005 of AUC are 0.004 of skill.
"""
MAX_PLAUSIBLE_AUC = {"within_30_days": 0.70, "any": 0.75}
"""By target: a lower bound of the ROC-AUC above this is presumed to be data leakage."""
SLOPES = (0.8, 1.25)
OBSERVED_EXPECTED = (0.85, 1.15)
FIRST_OBSERVED_EXPECTED = (0.8, 1.25)
GROUP_OBSERVED_EXPECTED = (0.8, 1.25)
MIN_GROUP_AUC_CHANGE = -0.03
MIN_GROUP_EVENTS = 100
"""Readmissions from which on a subgroup is judged: below, its intervals say nothing."""

Gates = dict[str, str | None]
"""The reason against promotion by gate, None where it is passed."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """A model's predictions on the test split. `probabilities`: shape (rows,), in the order of the labels.

    `batch`: the last one whose encounters the model was fitted to.
    """

    version: str
    threshold: float
    probabilities: Floats
    batch: int


@dataclass(frozen=True, slots=True)
class HeldOutPatients:
    """The test split. `labels`, `patients`: shape (rows,); `groups`: a column for each field of subgroups.

    `reference`: probabilities of the reference model; None for a version that was registered without one.
    """

    target: str
    labels: Floats
    patients: Ints
    groups: pd.DataFrame
    reference: Floats | None


class GateKeeper:
    """The gates on one test split: all figures are computed on the same resamples of its patients.

    `comparisons`: verdicts on models of this target so far, this one included.
    """

    def __init__(self, held_out: HeldOutPatients, resamples: PatientResamples, comparisons: int) -> None:
        self._held_out, self._resamples, self._comparisons = held_out, resamples, comparisons
        base_rate = np.full_like(held_out.labels, held_out.labels.mean())
        self._base_loss = float(log_losses(held_out.labels, base_rate).mean())

    def check_alone(self, model: Predictions) -> Gates:
        """Return the gates that every challenger has to pass."""
        y, p = self._held_out.labels, model.probabilities
        slope = self._interval(recalibration(y, p).slope, resampled_slopes(y, p, self._resamples))
        gates = {
            "calibration_slope": _outside("the calibration slope", slope, SLOPES),
            "observed_expected": _outside("observed/expected", self._observed_expected(p), OBSERVED_EXPECTED),
            "net_benefit": self._net_benefit(model),
            "subgroup_observed_expected": self._group_calibration(p),
        }
        if self._held_out.reference is not None:
            gates["reference_model"] = self._reference(model, self._held_out.reference)
        return gates

    def check_leak(self, auc: Estimate) -> Gates:
        """Return the gate against data leakage."""
        limit = MAX_PLAUSIBLE_AUC[self._held_out.target]
        reason = f"the lower bound of the ROC-AUC, {auc.low:.3f}, is above {limit}: presumed data leakage"
        return {"plausible_roc_auc": None if auc.low <= limit else reason}

    def check_first(self, model: Predictions, auc: Estimate) -> Gates:
        """Return the gates of a model that has no champion to be compared with."""
        skill = 1 - float(log_losses(self._held_out.labels, model.probabilities).mean()) / self._base_loss
        weak_auc = f"the lower bound of a first model's ROC-AUC, {auc.low:.3f}, is not above {MIN_FIRST_AUC}"
        ratio = self._observed_expected(model.probabilities)
        return {
            "first_roc_auc": None if auc.low > MIN_FIRST_AUC else weak_auc,
            "first_skill": None if skill > 0 else f"the skill of a first model, {skill:.4f}, is not above 0",
            "first_observed_expected": _outside("a first model's observed/expected", ratio, FIRST_OBSERVED_EXPECTED),
        }

    def check_change(self, auc_change: Estimate, loss_change: Estimate, version: str, prefix: str = "") -> Gates:
        """Return the gates against a model that is clearly worse than a version."""
        max_loss = MAX_LOG_LOSS_CHANGE * self._base_loss
        lower_auc = (
            f"ROC-AUC {signed(auc_change)} against version {version}: clearly lower by more than {-MIN_AUC_CHANGE}"
        )
        higher_loss = (
            f"log loss {signed(loss_change, 5)} against version {version}: clearly higher by more than {max_loss:.5f}"
        )
        return {
            f"{prefix}roc_auc_change": None if auc_change.high >= MIN_AUC_CHANGE else lower_auc,
            f"{prefix}log_loss_change": None if loss_change.low <= max_loss else higher_loss,
        }

    def check_groups(self, challenger: Predictions, champion: Predictions) -> Gates:
        """Return the gate against a model that ranks a subgroup clearly worse than the champion does."""
        for field, group, rows in self._groups():
            change = self.auc_change(challenger, champion, rows)
            if not change.high >= MIN_GROUP_AUC_CHANGE:
                return {
                    "subgroup_roc_auc": f"ROC-AUC {signed(change)} for {field} {group} against version "
                    f"{champion.version}: clearly lower by more than {-MIN_GROUP_AUC_CHANGE}"
                }
        return {"subgroup_roc_auc": None}

    def auc_change(self, challenger: Predictions, rival: Predictions, rows: Bools | None = None) -> Estimate:
        """Return the difference of two models' ROC-AUCs on the same patients, of some encounters or of all."""
        y, chosen = self._held_out.labels, slice(None) if rows is None else rows
        resampled = [self._resamples.roc_aucs(y, model.probabilities, rows) for model in (challenger, rival)]
        values = [_roc_auc(y[chosen], model.probabilities[chosen]) for model in (challenger, rival)]
        return self._interval(values[0] - values[1], resampled[0] - resampled[1])

    def loss_change(self, challenger: Predictions, rival: Predictions) -> Estimate:
        """Return the difference of two models' log losses on the same patients."""
        y = self._held_out.labels
        return self._mean(log_losses(y, challenger.probabilities) - log_losses(y, rival.probabilities))

    def _net_benefit(self, model: Predictions) -> str | None:
        benefit = self._mean(self._benefits(model.probabilities, model.threshold))
        if benefit.high > 0:
            return None
        return f"the net benefit at the threshold, {_with_bounds(benefit, 4)}, is not above 0, that of flagging nobody"

    def _reference(self, model: Predictions, reference: Floats) -> str | None:
        own, simple = (self._benefits(p, model.threshold) for p in (model.probabilities, reference))
        change = self._mean(own - simple)
        if change.high >= 0:
            return None
        return f"net benefit {signed(change)} against a logistic regression on five counts: clearly lower"

    def _benefits(self, p: Floats, threshold: float) -> Floats:
        return benefits(self._held_out.labels, p >= threshold, threshold)

    def _group_calibration(self, p: Floats) -> str | None:
        """Return the reason against a model whose probabilities are clearly wrong for a subgroup."""
        for field, group, rows in self._groups():
            outside = _outside(
                f"observed/expected for {field} {group}", self._observed_expected(p, rows), GROUP_OBSERVED_EXPECTED
            )
            if outside is not None:
                return outside
        return None

    def _groups(self) -> list[tuple[str, str, Bools]]:
        """Return field, group and encounters of each subgroup with at least MIN_GROUP_EVENTS."""
        positive, groups = self._held_out.labels == 1, self._held_out.groups
        return [
            (str(field), str(group), rows)
            for field in groups.columns
            for group in sorted(set(groups[field]))
            if (positive & (rows := (groups[field] == group).to_numpy())).sum() >= MIN_GROUP_EVENTS
        ]

    def _observed_expected(self, p: Floats, rows: Bools | None = None) -> Estimate:
        within = np.ones_like(p) if rows is None else rows.astype(np.float64)
        observed, expected = self._held_out.labels * within, p * within
        resampled = resampled_ratios(self._resamples, observed, expected)
        return self._interval(float(observed.sum() / expected.sum()), resampled)

    def _mean(self, values: Floats) -> Estimate:
        resampled = resampled_ratios(self._resamples, values, np.ones_like(values))
        return self._interval(float(values.mean()), resampled)

    def _interval(self, value: float, resampled: Floats) -> Estimate:
        return normal_estimate(value, resampled, self._comparisons)


def _roc_auc(labels: Floats, scores: Floats) -> float:
    return float(RankedScores(labels, scores).roc_auc(np.ones((1, labels.size)))[0])


def _outside(name: str, estimate: Estimate, limits: tuple[float, float]) -> str | None:
    """Return the reason if the whole interval is outside the limits, or undefined."""
    low, high = limits
    if estimate.high >= low and estimate.low <= high:
        return None
    return f"{name}, {_with_bounds(estimate, 2)}, is outside {low} to {high}"


def _with_bounds(estimate: Estimate, digits: int) -> str:
    return f"{estimate.value:.{digits}f} ({estimate.low:.{digits}f} to {estimate.high:.{digits}f})"


def signed(estimate: Estimate, digits: int = 4) -> str:
    """Return a change with its interval, each with its sign."""
    return f"{estimate.value:+.{digits}f} ({estimate.low:+.{digits}f} to {estimate.high:+.{digits}f})"
