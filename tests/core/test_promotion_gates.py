import json
from dataclasses import replace

import numpy as np
import pytest

from readmit.core.metrics import Floats
from readmit.core.promotion_gates import (
    MAX_PLAUSIBLE_AUC,
    MIN_AUC_CHANGE,
    MIN_FIRST_AUC,
    Predictions,
    gates_passed,
    judge,
)
from readmit.core.verdict import Verdict

ROWS = 1_200
RNG = np.random.default_rng(23)
RISK = RNG.beta(1.2, 7, ROWS)
LABELS = (RNG.random(ROWS) < RISK).astype(int).tolist()
PATIENTS = [f"{number:064x}" for number in RNG.integers(0, 900, ROWS)]
NOISE = RNG.random(ROWS)


def predictions(probabilities: Floats, version: str = "2", threshold: float = 1 / 7) -> Predictions:
    return Predictions(version, threshold, probabilities)


def blended(weight: float) -> Floats:
    """The true risk blended with noise: a mediocre model."""
    return np.asarray(weight * RISK + (1 - weight) * NOISE * 2 * RISK.mean())


def verdict(challenger: Floats, champion: Floats | None = None, target: str = "within_30_days") -> Verdict:
    opponent = None if champion is None else predictions(champion, "1")
    return judge(target, LABELS, PATIENTS, predictions(challenger), opponent, seed=130)


GOOD = blended(0.5)


def test_a_first_model_whose_auc_interval_is_above_the_gate_is_promoted_provisionally() -> None:
    result = verdict(GOOD)
    assert MIN_FIRST_AUC < result.roc_auc.low < result.figures["roc_auc"] < result.roc_auc.high
    assert (result.promoted, result.provisional, result.version, result.rival) == (True, True, "2", None)
    assert (result.rival_figures, result.roc_auc_change) == ({}, None)


def test_a_first_model_whose_auc_interval_reaches_below_the_gate_is_rejected() -> None:
    result = verdict(blended(0.25))
    assert result.figures["roc_auc"] > MIN_FIRST_AUC >= result.roc_auc.low
    assert (result.promoted, result.provisional) == (False, False)
    assert "lower bound" in result.reasons[0]


@pytest.mark.parametrize("champion", [None, GOOD])
def test_an_auc_too_good_to_be_true_is_a_leak_within_30_days_alone(champion: Floats | None) -> None:
    leaking = np.clip(0.6 * np.asarray(LABELS) + 0.4 * RISK, 0.01, 0.99)
    within, any_time = verdict(leaking, champion), verdict(leaking, champion, target="any")
    assert within.roc_auc.low > MAX_PLAUSIBLE_AUC["within_30_days"]
    assert not within.promoted
    assert ["leak" in reason for reason in within.reasons] == [True]
    assert any_time.promoted


def test_a_better_model_is_promoted_and_not_provisionally() -> None:
    result = verdict(GOOD, blended(0.3))
    assert (result.promoted, result.provisional, result.rival) == (True, False, "1")
    assert result.figures["log_loss"] < result.rival_figures["log_loss"]
    assert result.roc_auc_change is not None
    assert result.roc_auc_change.low > MIN_AUC_CHANGE


def test_the_change_is_measured_on_the_same_patients_so_equal_rankings_change_nothing() -> None:
    result = verdict(GOOD, GOOD / 3)
    assert result.promoted
    assert result.roc_auc_change is not None
    assert (result.roc_auc_change.low, result.roc_auc_change.high) == (0.0, 0.0)
    assert result.roc_auc.high - result.roc_auc.low > 0.05


def test_a_model_with_identical_predictions_is_rejected() -> None:
    result = verdict(GOOD, GOOD.copy())
    assert not result.promoted
    assert result.reasons == ("its predictions are identical to those of version 1",)


def test_the_model_in_production_at_another_threshold_is_promoted() -> None:
    result = judge("any", LABELS, PATIENTS, predictions(GOOD, threshold=0.2), predictions(GOOD.copy(), "1"), seed=1)
    assert result.promoted
    assert result.reasons == ("the model of version 1 at another threshold: 0.2000",)


def test_a_model_with_higher_or_equal_log_loss_is_rejected() -> None:
    # numpy adds rows 0 and 8 first: swapped, the mean is the same to the last bit.
    assert LABELS[0] == LABELS[8]
    swapped = GOOD.copy()
    swapped[[0, 8]] = swapped[[8, 0]]
    for result in (verdict(GOOD / 3, GOOD), verdict(swapped, GOOD)):
        assert result.figures["log_loss"] >= result.rival_figures["log_loss"]
        assert result.roc_auc_change is not None
        assert result.roc_auc_change.low > MIN_AUC_CHANGE
        assert not result.promoted
        assert ["log loss" in reason for reason in result.reasons] == [True]
    assert result.figures["log_loss"] == result.rival_figures["log_loss"]


def test_a_model_whose_auc_may_fall_is_rejected_even_if_its_log_loss_is_lower() -> None:
    result = verdict(blended(0.485), GOOD / 4)
    assert result.figures["log_loss"] < result.rival_figures["log_loss"]
    assert result.roc_auc_change is not None
    assert result.roc_auc_change.low < MIN_AUC_CHANGE < result.roc_auc_change.high
    assert not result.promoted
    assert ["may fall" in reason for reason in result.reasons] == [True]


@pytest.mark.parametrize("champion", [None, blended(0.3)])
@pytest.mark.parametrize("invalid", [1, ROWS])
def test_a_model_with_a_nan_metric_is_never_promoted(champion: Floats | None, invalid: int) -> None:
    broken = GOOD.copy()
    broken[:invalid] = np.nan
    result = verdict(broken, champion)
    assert np.isnan(result.figures["log_loss"])
    assert (result.promoted, result.provisional) == (False, False)


def test_each_model_is_evaluated_at_its_own_threshold() -> None:
    result = judge(
        "any", LABELS, PATIENTS, predictions(GOOD, threshold=0.0), predictions(blended(0.3), "1", threshold=1.0), seed=1
    )
    assert (result.figures["flagged"], result.rival_figures["flagged"]) == (1.0, 0.0)


def test_a_verdict_is_the_same_for_the_same_seed() -> None:
    assert verdict(GOOD, blended(0.3)) == verdict(GOOD, blended(0.3))


@pytest.mark.parametrize("champion", [None, blended(0.3)])
def test_a_verdict_survives_json(champion: Floats | None) -> None:
    result = verdict(GOOD, champion)
    assert Verdict.from_json(result.to_json()) == result
    rejected = replace(result, promoted=False, reasons=("one", "two"))
    assert Verdict.from_json(rejected.to_json()) == rejected


def test_a_nan_metric_is_null_in_json_and_nan_again_when_read() -> None:
    result = verdict(np.full(ROWS, np.nan))
    assert json.loads(result.to_json())["figures"]["log_loss"] is None
    assert np.isnan(Verdict.from_json(result.to_json()).figures["log_loss"])


WITHIN = "within_30_days"


@pytest.mark.parametrize(
    ("challenger", "champion", "failed"),
    [
        pytest.param(GOOD, None, set(), id="a good first model"),
        pytest.param(blended(0.25), None, {"first_roc_auc"}, id="a poor first model"),
        pytest.param(GOOD, blended(0.3), set(), id="a better model"),
        pytest.param(blended(0.3), GOOD, {"log_loss", "roc_auc_change"}, id="a worse model"),
        pytest.param(GOOD, GOOD.copy(), {"new_predictions"}, id="the same model"),
        pytest.param(np.full(ROWS, np.nan), None, {"finite_metrics", "first_roc_auc"}, id="not a number"),
    ],
)
def test_the_gates_that_failed_are_those_of_the_verdict(
    challenger: Floats, champion: Floats | None, failed: set[str]
) -> None:
    result = Verdict.from_json(verdict(challenger, champion).to_json())
    passed = gates_passed(result, WITHIN)
    assert {gate for gate, ok in passed.items() if not ok} == failed
    assert result.promoted == (not failed)
    against_champion = {"log_loss", "roc_auc_change", "new_predictions"}
    assert passed.keys() == {"finite_metrics", "plausible_roc_auc"} | (
        against_champion if champion is not None else {"first_roc_auc"}
    )


def test_the_same_model_at_another_threshold_passes_every_gate() -> None:
    champion = predictions(GOOD, "1", threshold=0.5)
    result = judge(WITHIN, LABELS, PATIENTS, predictions(GOOD), champion, seed=130)
    assert result.promoted
    assert set(gates_passed(result, WITHIN).values()) == {True}


def test_the_gate_against_leakage_only_applies_to_a_target_with_a_plausible_maximum() -> None:
    assert "plausible_roc_auc" not in gates_passed(verdict(GOOD, target="any"), "any")
