"""Where a rollback goes, by what the versions say of themselves."""

import pytest

from readmit.core.errors import RollbackRejected
from readmit.core.production_history import last_in_place, rollback_target, words
from readmit.core.version import PLACED_TAG, ROLLED_BACK_TAG, Note, Version

TAGS = {"candidate": "lightgbm", "target": "any", "threshold": "0.5", "batch": "1", "snapshot": "s", "code": "c"}


def noted(hour: int) -> Note:
    return Note(f"2026-11-27T{hour:02}:00:00.000000+00:00", "ana", "why")


def version(
    number: int,
    promoted_note: int | None = None,
    rolled_back_note: int | None = None,
    target: str = "any",
    scorer: str = "hash",
) -> Version:
    """One that went into production at an hour, and was rolled back from at another."""
    notes = {PLACED_TAG: promoted_note, ROLLED_BACK_TAG: rolled_back_note}
    tags = {name: noted(hour).to_json() for name, hour in notes.items() if hour is not None}
    return Version.of(str(number), "run", {**TAGS, "target": target, "scorer": scorer, **tags})


def test_a_version_tells_who_placed_it_and_who_rolled_back_from_it() -> None:
    told = version(1, promoted_note=8, rolled_back_note=9)
    assert (told.promoted_note, told.rolled_back_note, told.rolled_back) == (noted(8), noted(9), True)
    assert (version(2).promoted_note, version(2).rolled_back_note, version(2).rolled_back) == (None, None, False)


@pytest.mark.parametrize("tag", ["", "[]", "1", '{"at": "2026"}'])
def test_a_note_that_is_none_is_an_error_and_not_nothing(tag: str) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        Version.of("1", "run", {**TAGS, PLACED_TAG: tag})


def test_a_version_that_is_placed_again_is_not_rolled_back_any_more() -> None:
    assert version(1, promoted_note=8, rolled_back_note=8).rolled_back
    assert not version(1, promoted_note=10, rolled_back_note=9).rolled_back


def test_the_way_back_leads_to_the_version_of_the_same_target_that_was_placed_last_before() -> None:
    versions = [version(1, 8), version(2, 11), version(3, 12), version(4), version(5, 13, target="other")]
    left, goal = rollback_target(versions, versions[2], None)
    assert (left.number, goal.number) == ("3", "2")


def test_each_rollback_goes_further_back_and_never_to_a_version_that_somebody_left() -> None:
    versions = [version(1, 8), version(2, 14), version(3, 12, rolled_back_note=14)]
    assert rollback_target(versions, versions[1], None)[1].number == "1"
    after_the_second = [version(1, 15), version(2, 14, rolled_back_note=15), versions[2]]
    with pytest.raises(RollbackRejected, match="no version of the target any is known to have served before version 1"):
        rollback_target(after_the_second, after_the_second[0], None)


def test_by_its_number_any_version_is_reached() -> None:
    versions = [version(1, 14), version(2), version(3, 12, rolled_back_note=14), version(4, target="other")]
    assert [rollback_target(versions, versions[0], number)[1].number for number in "234"] == ["2", "3", "4"]


def test_what_can_not_be_done_is_refused_with_its_reason() -> None:
    versions = [version(1, 8, scorer=""), version(2, 9)]
    for current, to, reason in (
        (None, None, "nothing is in production"),
        (versions[1], "7", "there is no version '7'"),
        (versions[1], "2", "version 2 is in production already"),
        (versions[1], "1", "version 1 can't be served: it was made before versions carried a compiled scorer"),
        (versions[1], None, "version 1 can't be served"),
    ):
        with pytest.raises(RollbackRejected, match=reason):
            rollback_target(versions, current, to)


def test_who_was_in_place_last_for_a_target_is_none_where_nobody_was() -> None:
    assert last_in_place([version(1, 8), version(2, 9, rolled_back_note=10)], "other") is None
    assert last_in_place([version(1, 8)], "any", other_than="1") is None


@pytest.mark.parametrize("text", ["", "  ", "two\nlines", "\x1b[2J", "x" * 201])
def test_who_and_why_are_said_in_one_printable_line(text: str) -> None:
    with pytest.raises(RollbackRejected, match="a rollback needs `why`: 1 to 200 printable characters"):
        words("why", text)
    assert words("why", " zu viele Rückrufe ") == "zu viele Rückrufe"
