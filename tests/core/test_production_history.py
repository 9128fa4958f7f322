"""The target of a rollback, from the tags of the versions."""

import pytest

from readmit.core.errors import RollbackRejected
from readmit.core.production_history import last_in_production, rollback_target, validate_note
from readmit.core.version import PROMOTED_TAG, ROLLED_BACK_TAG, Note, Version

TAGS = {"candidate": "lightgbm", "target": "any", "threshold": "0.5", "batch": "1", "snapshot": "s", "code": "c"}


def note(hour: int) -> Note:
    return Note(f"2026-11-27T{hour:02}:00:00.000000+00:00", "ana", "why")


def version(
    number: int,
    promoted_note: int | None = None,
    rolled_back_note: int | None = None,
    target: str = "any",
    scorer: str = "hash",
) -> Version:
    """A version promoted at one hour, and rolled back at another."""
    notes = {PROMOTED_TAG: promoted_note, ROLLED_BACK_TAG: rolled_back_note}
    tags = {name: note(hour).to_json() for name, hour in notes.items() if hour is not None}
    return Version.of(str(number), "run", {**TAGS, "target": target, "scorer": scorer, **tags})


def test_a_version_has_the_notes_of_its_promotion_and_rollback() -> None:
    promoted = version(1, promoted_note=8, rolled_back_note=9)
    assert (promoted.promoted_note, promoted.rolled_back_note, promoted.rolled_back) == (note(8), note(9), True)
    assert (version(2).promoted_note, version(2).rolled_back_note, version(2).rolled_back) == (None, None, False)


@pytest.mark.parametrize("tag", ["", "[]", "1", '{"at": "2026"}'])
def test_an_invalid_note_is_an_error(tag: str) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        Version.of("1", "run", {**TAGS, PROMOTED_TAG: tag})


def test_a_version_that_is_promoted_again_is_no_longer_rolled_back() -> None:
    assert version(1, promoted_note=8, rolled_back_note=8).rolled_back
    assert not version(1, promoted_note=10, rolled_back_note=9).rolled_back


def test_a_rollback_goes_to_the_version_of_the_same_target_promoted_last_before() -> None:
    versions = [version(1, 8), version(2, 11), version(3, 12), version(4), version(5, 13, target="other")]
    current, destination = rollback_target(versions, versions[2], None)
    assert (current.number, destination.number) == ("3", "2")


def test_each_rollback_goes_further_back_and_never_to_a_rolled_back_version() -> None:
    versions = [version(1, 8), version(2, 14), version(3, 12, rolled_back_note=14)]
    assert rollback_target(versions, versions[1], None)[1].number == "1"
    after_the_second = [version(1, 15), version(2, 14, rolled_back_note=15), versions[2]]
    with pytest.raises(RollbackRejected, match="no version of the target any is known to have served before version 1"):
        rollback_target(after_the_second, after_the_second[0], None)


def test_a_rollback_can_go_to_any_version_by_number() -> None:
    versions = [version(1, 14), version(2), version(3, 12, rolled_back_note=14), version(4, target="other")]
    assert [rollback_target(versions, versions[0], number)[1].number for number in "234"] == ["2", "3", "4"]


def test_an_impossible_rollback_is_rejected_with_its_reason() -> None:
    versions = [version(1, 8, scorer=""), version(2, 9)]
    for current, to, reason in (
        (None, None, "nothing is in production"),
        (versions[1], "7", "there is no version '7'"),
        (versions[1], "2", "version 2 is already in production"),
        (versions[1], "1", "version 1 can't be served: an older release created it, without a compiled scorer"),
        (versions[1], None, "version 1 can't be served"),
    ):
        with pytest.raises(RollbackRejected, match=reason):
            rollback_target(versions, current, to)


def test_the_last_production_version_of_a_target_is_none_if_there_was_none() -> None:
    assert last_in_production([version(1, 8), version(2, 9, rolled_back_note=10)], "other") is None
    assert last_in_production([version(1, 8)], "any", excluding="1") is None


@pytest.mark.parametrize("text", ["", "  ", "two\nlines", "\x1b[2J", "x" * 201])
def test_operator_and_reason_are_one_printable_line(text: str) -> None:
    with pytest.raises(RollbackRejected, match="a rollback requires `why`: 1 to 200 printable characters"):
        validate_note("why", text)
    assert validate_note("why", " zu viele Rückrufe ") == "zu viele Rückrufe"
