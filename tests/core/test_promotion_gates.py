import json
from dataclasses import replace

import numpy as np
import pytest

from readmit.core.metrics import Floats
from readmit.core.promotion_gates import AUC_CHANGE_ABOVE, FIRST_AUC_ABOVE, LEAK_AUC_ABOVE, Predictions, judge
from readmit.core.verdict import Verdict

ROWS = 1_200
CHANCE = np.random.default_rng(23)
RISK = CHANCE.beta(1.2, 7, ROWS)
LABELS = (CHANCE.random(ROWS) < RISK).astype(int).tolist()
PATIENTS = [f"{number:064x}" for number in CHANCE.integers(0, 900, ROWS)]
NOISE = CHANCE.random(ROWS)


def says(probabilities: Floats, version: str = "2", threshold: float = 1 / 7) -> Predictions:
    return Predictions(version, threshold, probabilities)


def between(weight: float) -> Floats:
    """The true risk and pure chance, mixed: what a middling model says."""
    return np.asarray(weight * RISK + (1 - weight) * NOISE * 2 * RISK.mean())


def verdict(challenger: Floats, rival: Floats | None = None, target: str = "within_30_days") -> Verdict:
    against = None if rival is None else says(rival, "1")
    return judge(target, LABELS, PATIENTS, says(challenger), against, seed=130)


GOOD = between(0.5)


def test_a_first_model_whose_auc_is_surely_above_the_gate_is_promoted_provisionally() -> None:
    made = verdict(GOOD)
    assert FIRST_AUC_ABOVE < made.roc_auc.low < made.figures["roc_auc"] < made.roc_auc.high
    assert (made.promoted, made.provisional, made.version, made.rival) == (True, True, "2", None)
    assert (made.rival_figures, made.roc_auc_change) == ({}, None)


def test_a_first_model_that_may_be_no_better_than_the_gate_is_refused() -> None:
    made = verdict(between(0.25))
    assert made.figures["roc_auc"] > FIRST_AUC_ABOVE >= made.roc_auc.low
    assert (made.promoted, made.provisional) == (False, False)
    assert "lower bound" in made.reasons[0]


@pytest.mark.parametrize("rival", [None, GOOD])
def test_an_auc_too_good_to_be_true_is_a_leak_within_30_days_alone(rival: Floats | None) -> None:
    leaking = np.clip(0.6 * np.asarray(LABELS) + 0.4 * RISK, 0.01, 0.99)
    within, any_time = verdict(leaking, rival), verdict(leaking, rival, target="any")
    assert within.roc_auc.low > LEAK_AUC_ABOVE["within_30_days"]
    assert not within.promoted
    assert ["leak" in reason for reason in within.reasons] == [True]
    assert any_time.promoted


def test_a_better_model_is_promoted_and_not_provisionally() -> None:
    made = verdict(GOOD, between(0.3))
    assert (made.promoted, made.provisional, made.rival) == (True, False, "1")
    assert made.figures["log_loss"] < made.rival_figures["log_loss"]
    assert made.roc_auc_change is not None
    assert made.roc_auc_change.low > AUC_CHANGE_ABOVE


def test_the_change_is_measured_on_the_same_patients_so_equal_rankings_change_nothing() -> None:
    made = verdict(GOOD, GOOD / 3)
    assert made.promoted
    assert made.roc_auc_change is not None
    assert (made.roc_auc_change.low, made.roc_auc_change.high) == (0.0, 0.0)
    assert made.roc_auc.high - made.roc_auc.low > 0.05


def test_a_model_that_says_exactly_the_same_is_refused() -> None:
    made = verdict(GOOD, GOOD.copy())
    assert not made.promoted
    assert made.reasons == ("it says exactly what version 1 says",)


def test_the_model_in_production_at_another_threshold_is_promoted() -> None:
    made = judge("any", LABELS, PATIENTS, says(GOOD, threshold=0.2), says(GOOD.copy(), "1"), seed=1)
    assert made.promoted
    assert made.reasons == ("the model of version 1 at another threshold: 0.2000",)


def test_log_loss_that_is_higher_or_the_same_refuses() -> None:
    # Numbers 0 and 8 meet first when numpy sums: swapped, the mean stays the same to the last bit.
    assert LABELS[0] == LABELS[8]
    swapped = GOOD.copy()
    swapped[[0, 8]] = swapped[[8, 0]]
    for made in (verdict(GOOD / 3, GOOD), verdict(swapped, GOOD)):
        assert made.figures["log_loss"] >= made.rival_figures["log_loss"]
        assert made.roc_auc_change is not None
        assert made.roc_auc_change.low > AUC_CHANGE_ABOVE
        assert not made.promoted
        assert ["log loss" in reason for reason in made.reasons] == [True]
    assert made.figures["log_loss"] == made.rival_figures["log_loss"]


def test_a_model_whose_auc_may_fall_is_refused_however_much_lower_its_log_loss_is() -> None:
    made = verdict(between(0.485), GOOD / 4)
    assert made.figures["log_loss"] < made.rival_figures["log_loss"]
    assert made.roc_auc_change is not None
    assert made.roc_auc_change.low < AUC_CHANGE_ABOVE < made.roc_auc_change.high
    assert not made.promoted
    assert ["may fall" in reason for reason in made.reasons] == [True]


@pytest.mark.parametrize("rival", [None, between(0.3)])
@pytest.mark.parametrize("lost", [1, ROWS])
def test_a_figure_that_is_no_number_never_promotes(rival: Floats | None, lost: int) -> None:
    broken = GOOD.copy()
    broken[:lost] = np.nan
    made = verdict(broken, rival)
    assert np.isnan(made.figures["log_loss"])
    assert (made.promoted, made.provisional) == (False, False)


def test_each_model_is_judged_at_its_own_threshold() -> None:
    made = judge("any", LABELS, PATIENTS, says(GOOD, threshold=0.0), says(between(0.3), "1", threshold=1.0), seed=1)
    assert (made.figures["flagged"], made.rival_figures["flagged"]) == (1.0, 0.0)


def test_a_verdict_is_the_same_for_the_same_seed() -> None:
    assert verdict(GOOD, between(0.3)) == verdict(GOOD, between(0.3))


@pytest.mark.parametrize("rival", [None, between(0.3)])
def test_a_verdict_survives_json(rival: Floats | None) -> None:
    made = verdict(GOOD, rival)
    assert Verdict.from_json(made.to_json()) == made
    refused = replace(made, promoted=False, reasons=("one", "two"))
    assert Verdict.from_json(refused.to_json()) == refused


def test_a_figure_that_is_no_number_is_null_in_json_and_none_again_when_read() -> None:
    made = verdict(np.full(ROWS, np.nan))
    assert json.loads(made.to_json())["figures"]["log_loss"] is None
    assert np.isnan(Verdict.from_json(made.to_json()).figures["log_loss"])
