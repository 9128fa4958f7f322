"""Made challengers end as they should, and a refusal names its gate in registry, verdict and report."""

import json

import numpy as np
import pytest

from readmit.day_report import day_report
from readmit.io.database import promotions
from readmit.steps import promote
from tests.made_predictions import GROUPS
from tests.steps.fake_registry import WITHIN, FakeModel, FakeRegistry, register, registry

__all__ = ["registry"]

ASIAN = (GROUPS["race"] == "Asian").to_numpy()
CHAMPION = 0.45


@pytest.mark.parametrize(
    ("challenger", "reason"),
    [
        pytest.param(FakeModel(0.8), "better than version 1: ", id="better"),
        pytest.param(FakeModel(0.46), "trained on more data, batches 1 to 2, and not clearly worse", id="a tie"),
    ],
)
def test_a_challenger_without_evidence_of_harm_is_promoted(
    challenger: FakeModel, reason: str, registry: FakeRegistry
) -> None:
    _judge(challenger, registry)
    assert registry.alias == "2"
    assert registry.descriptions["2"].startswith(f"promoted: {reason}")


@pytest.mark.parametrize(
    ("challenger", "gate"),
    [
        pytest.param(FakeModel(0.1), "roc_auc_change", id="worse"),
        pytest.param(FakeModel(CHAMPION), "new_predictions", id="identical"),
        pytest.param(FakeModel(0.8, distorted=lambda p: p / 2), "observed_expected", id="miscalibrated, better AUC"),
        pytest.param(
            FakeModel(0.8, distorted=lambda p: np.where(ASIAN, p / 1.6, p * 1.2)),
            "subgroup_observed_expected",
            id="unfair, better AUC",
        ),
        pytest.param(FakeModel(0.8, leak=0.6), "plausible_roc_auc", id="leaking"),
    ],
)
def test_a_challenger_that_does_harm_is_refused_and_its_gate_is_named_everywhere(
    challenger: FakeModel, gate: str, registry: FakeRegistry
) -> None:
    facts = _judge(challenger, registry)
    verdict = promotions.get_verdict("2")
    assert verdict is not None
    assert registry.alias == "1"
    assert verdict.gates[gate] is not None
    line = f"{gate}: {verdict.gates[gate]}"
    assert line in registry.descriptions["2"]
    assert line in verdict.reasons
    assert line in str(facts["reason"])
    assert line in json.loads(day_report(2))["verdict"]["reasons"]


def test_the_better_auc_of_a_refused_challenger_is_real(registry: FakeRegistry) -> None:
    _judge(FakeModel(0.8, distorted=lambda p: p / 2), registry)
    verdict = promotions.get_verdict("2")
    assert verdict is not None
    assert verdict.roc_auc_change is not None
    assert verdict.roc_auc_change.low > 0


def _judge(challenger: FakeModel, registry: FakeRegistry) -> dict[str, object]:
    """Promote a first model, and judge the challenger of the next batch."""
    register(registry, 1, CHAMPION)
    promote.run(1, WITHIN)
    registry.models[register(registry, 2, 0.0)] = challenger
    return dict(promote.run(2, WITHIN))
