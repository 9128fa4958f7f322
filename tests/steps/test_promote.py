"""The step `promote` in each situation, with real databases and gates and a fake registry."""

import json
from typing import Any

import pytest

from readmit import challenger_verdict
from readmit.core.errors import PrerequisiteMissing, RegistryUnavailable
from readmit.core.verdict import Verdict
from readmit.core.version import Version
from readmit.io.database import leases, ledger, promotions
from readmit.model_comparison import EarlierVersions
from readmit.steps import promote
from tests.steps.fake_registry import (
    ANY,
    WITHIN,
    FakeRegistry,
    register,
    registry,
)

__all__ = ["registry"]


def test_a_better_challenger_is_promoted_and_a_worse_one_is_not(registry: FakeRegistry) -> None:
    register(registry, 1, 0.3)
    assert promote.run(1, WITHIN)["outcome"] == "provisional"
    register(registry, 2, 0.6)
    assert promote.run(2, WITHIN)["outcome"] == "promoted"
    register(registry, 3, 0.2)
    assert promote.run(3, WITHIN)["outcome"] == "refused"
    assert registry.alias == "2"


def test_another_targets_model_is_no_champion_and_the_first_targets_own_is_restored(registry: FakeRegistry) -> None:
    register(registry, 1, 0.5)
    promote.run(1, WITHIN)
    register(registry, 1, 0.3, "any")
    assert promote.run(1, ANY)["outcome"] == "provisional"
    assert registry.alias == "2"
    ledger.update_batch(1, version=1)
    promote.run(1, WITHIN)
    assert registry.alias == "1"


def test_after_another_target_a_challenger_still_has_to_beat_its_own_targets_last_model(registry: FakeRegistry) -> None:
    register(registry, 1, 0.5)
    promote.run(1, WITHIN)
    register(registry, 1, 0.5, "any")
    promote.run(1, ANY)
    register(registry, 2, 0.2)
    assert promote.run(2, WITHIN)["outcome"] == "refused"
    stored = promotions.get_verdict("3")
    assert stored is not None
    assert stored.rival == "1"
    assert registry.alias == "1"


def test_each_verdict_and_each_return_to_an_earlier_version_is_one_line_of_the_log(
    registry: FakeRegistry, capfd: pytest.CaptureFixture[str]
) -> None:
    def lines() -> list[tuple[object, ...]]:
        logged = [json.loads(line) for line in capfd.readouterr().err.splitlines() if "readmit.promotions" in line]
        assert all(0 <= line["seconds"] < 60 for line in logged)
        return [tuple(line.get(name) for name in ("run_id", "batch", "version", "outcome")) for line in logged]

    register(registry, 1, 0.5)
    leases.acquire(1, "the run", 0.0, 60.0)
    promote.run(1, WITHIN)
    assert lines() == [("the run", 1, "1", "provisional")]
    promote.run(1, WITHIN)
    assert lines() == [], "the verdict stands"
    register(registry, 1, 0.3, "any")
    promote.run(1, ANY)
    assert lines() == [("the run", 1, "2", "provisional")]
    ledger.update_batch(1, version=1)
    promote.run(1, WITHIN)
    assert lines() == [("the run", 1, "1", "restored")]


def test_a_version_of_another_target_than_the_setting_is_not_promoted(registry: FakeRegistry) -> None:
    register(registry, 1, 0.5)
    with pytest.raises(PrerequisiteMissing, match="predicts within_30_days, not any: run register first"):
        promote.run(1, ANY)
    assert registry.alias is None


def test_a_verdict_that_a_crash_left_unapplied_is_applied_as_it_was_stored(registry: FakeRegistry) -> None:
    register(registry, 1, 0.5)
    registry.unavailable_after_alias = True
    with pytest.raises(RegistryUnavailable):
        promote.run(1, WITHIN)
    stored = promotions.get_verdict("1")
    assert stored is not None
    registry.unavailable_after_alias = False
    assert promote.run(1, WITHIN)["reason"] == "; ".join(stored.reasons)
    assert promotions.is_applied("1")
    assert registry.alias == "1"


def test_an_unapplied_verdict_is_replaced_when_there_is_another_champion_by_now(registry: FakeRegistry) -> None:
    register(registry, 1, 0.3)
    promote.run(1, WITHIN)
    middling, best = register(registry, 2, 0.4), register(registry, 3, 0.6)
    registry.unavailable_after_alias = True
    ledger.update_batch(2, version=int(middling))
    with pytest.raises(RegistryUnavailable):
        promote.run(2, WITHIN)
    registry.unavailable_after_alias, registry.alias = False, "1"
    promote.run(3, WITHIN)
    assert registry.alias == best
    assert promote.run(2, WITHIN)["outcome"] == "refused"
    assert registry.alias == best


def test_a_challenger_judged_against_a_former_champion_is_judged_again(
    registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(registry, 1, 0.3)
    promote.run(1, WITHIN)
    middling, best = register(registry, 2, 0.4), register(registry, 3, 0.6)
    ledger.update_batch(2, version=int(middling))
    judged, decide = [], challenger_verdict.compare

    def decide_late(challenger: Version, earlier: EarlierVersions, *rest: Any) -> Verdict:
        judged.append((challenger.number, None if earlier.champion is None else earlier.champion.number))
        if judged == [(middling, "1")]:
            promote.run(3, WITHIN)
        return decide(challenger, earlier, *rest)

    monkeypatch.setattr(challenger_verdict, "compare", decide_late)
    assert promote.run(2, WITHIN)["outcome"] == "refused"
    assert judged == [(middling, "1"), (best, "1"), (middling, best)]
    assert registry.alias == best
