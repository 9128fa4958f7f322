"""Which challengers are promoted, and which gate refuses the others."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from readmit.core.metrics import Floats
from readmit.core.promotion_gates import MAX_PLAUSIBLE_AUC, MIN_FIRST_AUC
from readmit.core.promotion_verdict import EarlierModels, judge
from readmit.core.verdict import Verdict
from tests.gates.page import REFUSES_WHEN
from tests.made_predictions import (
    GOOD,
    GROUPS,
    LABELS,
    MEDIOCRE,
    RISK,
    ROWS,
    held_out,
    informed,
    predictions,
    verdict,
)

LEAKING = np.clip(0.6 * np.asarray(LABELS) + 0.4 * RISK, 0.01, 0.99)
ASIAN = (GROUPS["race"] == "Asian").to_numpy()


def failed(result: Verdict) -> set[str]:
    return {gate for gate, reason in result.gates.items() if reason is not None}


def test_a_good_first_model_is_promoted_provisionally() -> None:
    result = verdict(GOOD)
    assert MIN_FIRST_AUC < result.roc_auc.low < result.figures["roc_auc"] < result.roc_auc.high
    assert (result.promoted, result.provisional, result.version, result.rival) == (True, True, "2", None)
    assert (result.rival_figures, result.roc_auc_change) == ({}, None)
    assert result.gates.keys() >= {"first_roc_auc", "first_skill", "first_observed_expected", "plausible_roc_auc"}


@pytest.mark.parametrize(
    ("challenger", "gate", "reason"),
    [
        pytest.param(informed(0.1), "first_roc_auc", "is not above 0.55", id="hardly better than chance"),
        pytest.param(np.clip(RISK * 3, 0, 0.95), "first_observed_expected", "is outside 0.8 to 1.25", id="tripled"),
        pytest.param(1 - GOOD, "first_skill", "is not above 0", id="swapped"),
    ],
)
def test_a_poor_first_model_is_refused(challenger: Floats, gate: str, reason: str) -> None:
    result = verdict(challenger)
    assert (result.promoted, result.provisional) == (False, False)
    assert reason in (result.gates[gate] or "")
    assert f"{gate}: {result.gates[gate]}" in result.reasons


@pytest.mark.parametrize("champion", [None, GOOD])
@pytest.mark.parametrize("target", sorted(MAX_PLAUSIBLE_AUC))
def test_an_auc_too_good_to_be_true_is_a_leak_for_either_target(champion: Floats | None, target: str) -> None:
    result = verdict(LEAKING, champion, target=target)
    assert result.roc_auc.low > MAX_PLAUSIBLE_AUC[target]
    assert not result.promoted
    assert "presumed data leakage" in (result.gates["plausible_roc_auc"] or "")


def test_a_clearly_better_model_is_promoted_as_better() -> None:
    result = verdict(GOOD, MEDIOCRE)
    assert (result.promoted, result.provisional, result.rival) == (True, False, "1")
    assert result.roc_auc_change is not None
    assert result.roc_auc_change.low > 0
    assert result.reasons[0].startswith("better than version 1: ROC-AUC +0.")


def test_a_tie_is_promoted_if_it_was_trained_on_more_data_and_the_verdict_says_so() -> None:
    result = verdict(informed(0.59), GOOD)
    assert result.promoted
    reason = "trained on more data, batches 1 to 2, and not clearly worse than version 1: ROC-AUC "
    assert result.reasons[0].startswith(reason)


def test_a_tie_that_was_trained_on_no_more_data_is_refused() -> None:
    champion = predictions(GOOD, "1")
    result = judge(held_out(), predictions(informed(0.59), batch=1), EarlierModels(champion, None), 1, seed=130)
    assert failed(result) == {"more_data"}
    assert result.reasons == ("more_data: no better than version 1, and not trained on more data",)


def test_a_clearly_worse_model_is_refused_although_it_was_trained_on_more_data() -> None:
    result = verdict(MEDIOCRE, GOOD)
    assert failed(result) >= {"roc_auc_change", "log_loss_change"}
    assert "clearly lower by more than 0.005" in result.reasons[0]


def test_a_small_loss_against_the_best_earlier_version_is_refused_although_the_champion_is_no_better() -> None:
    result = verdict(informed(0.32), MEDIOCRE, best=GOOD)
    assert failed(result) == {"best_roc_auc_change", "best_log_loss_change"}
    assert (result.rival, result.best) == ("2", "1")
    assert "against version 1" in result.reasons[0]


def test_the_more_verdicts_the_stronger_the_evidence_has_to_be() -> None:
    first, hundredth = (verdict(informed(0.45), GOOD, consultations=number) for number in (1, 100))
    assert first.roc_auc_change is not None
    assert hundredth.roc_auc_change is not None
    assert hundredth.roc_auc_change.low < first.roc_auc_change.low
    assert hundredth.roc_auc_change.high > first.roc_auc_change.high
    assert hundredth.consultations == 100


def test_equal_rankings_change_no_auc() -> None:
    result = verdict(GOOD, GOOD / 3)
    assert result.promoted
    assert result.roc_auc_change is not None
    assert result.roc_auc_change.low == pytest.approx(0, abs=1e-12)
    assert result.roc_auc_change.high == pytest.approx(0, abs=1e-12)


def test_a_model_with_identical_predictions_is_refused() -> None:
    result = verdict(GOOD, GOOD.copy())
    assert failed(result) == {"new_predictions"}
    assert result.reasons == ("new_predictions: its predictions are identical to those of version 1",)


def test_the_model_in_production_at_another_threshold_is_promoted() -> None:
    champion = predictions(GOOD.copy(), "1")
    result = judge(held_out("any"), predictions(GOOD, threshold=0.2), EarlierModels(champion, None), 1, seed=1)
    assert result.promoted
    assert result.reasons == ("the model of version 1 at another threshold: 0.2000",)


def test_a_miscalibrated_model_is_refused_although_it_ranks_better() -> None:
    result = verdict(GOOD / 3, MEDIOCRE)
    assert {"observed_expected", "subgroup_observed_expected"} <= failed(result)
    assert "is outside 0.85 to 1.15" in (result.gates["observed_expected"] or "")
    logits = 2.5 * np.log(GOOD / (1 - GOOD)) + 3.2
    assert "calibration_slope" in failed(verdict(1 / (1 + np.exp(-logits)), MEDIOCRE))


def test_a_model_that_is_wrong_for_one_subgroup_is_refused_although_it_ranks_better() -> None:
    result = verdict(np.where(ASIAN, GOOD / 1.7, GOOD * 1.2), MEDIOCRE)
    assert result.figures["roc_auc"] > result.rival_figures["roc_auc"]
    assert failed(result) == {"subgroup_observed_expected"}
    assert "observed/expected for race Asian" in result.reasons[0]


def test_a_model_that_ranks_one_subgroup_worse_is_refused() -> None:
    result = verdict(np.where(ASIAN, RISK[ASIAN].mean(), informed(0.9)), informed(0.6))
    assert "subgroup_roc_auc" in failed(result)
    assert "for race Asian against version 1" in (result.gates["subgroup_roc_auc"] or "")


def test_a_subgroup_with_few_readmissions_is_not_judged() -> None:
    few = ASIAN & (np.cumsum(ASIAN) <= 100)
    groups = GROUPS.assign(race=np.where(few, "Asian", "Other"))
    probabilities = np.where(few, GOOD / 2, GOOD)
    earlier = EarlierModels(predictions(MEDIOCRE, "1"), None)
    result = judge(replace(held_out(), groups=groups), predictions(probabilities), earlier, 1, seed=130)
    assert result.gates["subgroup_observed_expected"] is None


def test_a_model_that_is_less_useful_than_five_counts_is_refused() -> None:
    result = judge(held_out(reference=informed(0.9)), predictions(MEDIOCRE), EarlierModels(None, None), 1, seed=1)
    assert failed(result) == {"reference_model"}
    assert judge(held_out(reference=informed(0.2)), predictions(GOOD), EarlierModels(None, None), 1, seed=1).promoted


def test_a_model_whose_flags_do_harm_is_refused() -> None:
    result = verdict(np.where(np.median(RISK) < RISK, 0.05, 0.3), MEDIOCRE)
    assert "net_benefit" in failed(result)


@pytest.mark.parametrize("champion", [None, MEDIOCRE])
@pytest.mark.parametrize("invalid", [1, ROWS])
def test_a_model_with_a_nan_metric_is_never_promoted(champion: Floats | None, invalid: int) -> None:
    broken = GOOD.copy()
    broken[:invalid] = np.nan
    result = verdict(broken, champion)
    assert np.isnan(result.figures["log_loss"])
    assert (result.promoted, result.provisional) == (False, False)
    assert failed(result) == {"finite_metrics"}


def test_each_model_is_evaluated_at_its_own_threshold() -> None:
    earlier = EarlierModels(predictions(MEDIOCRE, "1", threshold=1.0), None)
    result = judge(held_out("any"), predictions(GOOD, threshold=0.0), earlier, 1, seed=1)
    assert (result.figures["flagged"], result.rival_figures["flagged"]) == (1.0, 0.0)


def test_a_verdict_is_the_same_for_the_same_seed() -> None:
    assert verdict(GOOD, MEDIOCRE) == verdict(GOOD, MEDIOCRE)


@pytest.mark.parametrize("champion", [None, MEDIOCRE])
def test_a_verdict_survives_json(champion: Floats | None) -> None:
    result = verdict(GOOD, champion)
    assert Verdict.from_json(result.to_json()) == result
    rejected = replace(result, promoted=False, reasons=("one", "two"))
    assert Verdict.from_json(rejected.to_json()) == rejected


def test_a_verdict_of_an_older_release_still_reads() -> None:
    document = json.loads(verdict(GOOD, MEDIOCRE).to_json())
    for name in ("gates", "best", "consultations"):
        del document[name]
    old = Verdict.from_json(json.dumps(document))
    assert (old.promoted, old.gates, old.best, old.consultations) == (True, {}, None, 1)


def test_a_nan_metric_is_null_in_json_and_nan_again_when_read() -> None:
    result = verdict(np.full(ROWS, np.nan))
    assert json.loads(result.to_json())["figures"]["log_loss"] is None
    assert np.isnan(Verdict.from_json(result.to_json()).figures["log_loss"])


def test_every_gate_is_explained_on_the_page_of_the_simulation() -> None:
    reference = replace(held_out(), reference=informed(0.2))
    models = predictions(GOOD, "3"), predictions(informed(0.59), "3", batch=1), predictions(MEDIOCRE, "3", 0.3)
    results = [verdict(GOOD), judge(reference, models[0], EarlierModels(models[2], None), 1, seed=1)]
    results += [verdict(GOOD, GOOD), verdict(informed(0.59), GOOD, best=MEDIOCRE)]
    results += [judge(held_out(), models[1], EarlierModels(predictions(GOOD, "2"), None), 1, seed=1)]
    assert {gate for result in results for gate in result.gates} == set(REFUSES_WHEN)
    page = Path("docs/gates.md").read_text()
    assert all(f"| `{gate}` | {condition} |" in page for gate, condition in REFUSES_WHEN.items())
