"""`promote` after a person has rolled back."""

from datetime import UTC, datetime

import pytest

from readmit.core.errors import RegistryUnavailable
from readmit.io.database import ledger, promotions
from readmit.steps import promote
from tests.steps.fake_registry import ANY, WITHIN, FakeRegistry, register, registry

__all__ = ["registry"]


def roll_back_from_2_to_1(registry: FakeRegistry) -> None:
    for batch, share in ((1, 0.3), (2, 0.5)):
        register(registry, batch, share)
        promote.run(batch, WITHIN)
    registry.roll_back()
    assert registry.alias == "1"


def test_a_version_in_production_records_when_and_why(registry: FakeRegistry) -> None:
    register(registry, 1, 0.5)
    before = datetime.now(UTC)
    facts = promote.run(1, WITHIN)
    promoted_note = registry.stored["1"].promoted_note
    assert promoted_note is not None
    assert (promoted_note.by, promoted_note.why) == ("promote", facts["reason"])
    assert before <= datetime.fromisoformat(promoted_note.at) <= datetime.now(UTC)


def test_after_a_rollback_the_next_challenger_is_compared_with_what_serves_now(registry: FakeRegistry) -> None:
    roll_back_from_2_to_1(registry)
    register(registry, 3, 0.4)
    assert promote.run(3, WITHIN)["outcome"] == "promoted", "it is better than 1, and would not be better than 2"
    stored = promotions.get_verdict("3")
    assert stored is not None
    assert stored.rival == "1"
    registry.roll_back()
    assert registry.alias == "1", "only an explicit rollback restores 2"


def test_a_repeated_day_does_not_undo_a_rollback(registry: FakeRegistry) -> None:
    roll_back_from_2_to_1(registry)
    assert promote.run(2, WITHIN)["outcome"] == "promoted", "that was its verdict"
    assert registry.alias == "1"


def test_a_verdict_applied_before_a_crash_does_not_undo_a_rollback(registry: FakeRegistry) -> None:
    register(registry, 1, 0.3)
    promote.run(1, WITHIN)
    register(registry, 2, 0.5)
    registry.unavailable_after_alias = True
    with pytest.raises(RegistryUnavailable):
        promote.run(2, WITHIN)
    registry.unavailable_after_alias = False
    registry.roll_back()
    promote.run(2, WITHIN)
    assert registry.alias == "1"
    assert promotions.is_applied("2")


def test_a_restored_target_has_the_version_that_a_rollback_put_there(registry: FakeRegistry) -> None:
    roll_back_from_2_to_1(registry)
    register(registry, 2, 0.5, "any")
    promote.run(2, ANY)
    assert registry.alias == "3"
    ledger.update_batch(2, version=2)
    promote.run(2, WITHIN)
    assert registry.alias == "1"
