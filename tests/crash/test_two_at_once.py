"""Two days that are started at once on the same stores: one works, the other waits, the rows are exact."""

from collections import defaultdict

import pytest

from readmit.io.database import ledger
from tests.crash.conftest import DAYS, Days
from tests.crash.side import Side

pytestmark = pytest.mark.crash
WAITING = "batch {} is in another run's hands: waiting until it is done or its lease expires"


def test_of_two_that_name_a_batch_one_does_it_and_the_other_says_so(days: Days) -> None:
    day = DAYS[4]
    days.until(day)
    who, said = _two_at_once(days.other, *day.command)
    assert [len(runs) for runs in who.values()] == [1]
    other = next(each for each in said if WAITING.format(day.batch) in each)
    assert f"batch {day.batch} was done by another run meanwhile" in other
    assert days.differences(day) == []


def test_of_two_that_take_what_comes_each_does_one_batch(days: Days) -> None:
    first, second = DAYS[5:]
    days.until(first)
    who, said = _two_at_once(days.other, "day")
    assert {batch: len(runs) for batch, runs in who.items()} == {first.batch: 1, second.batch: 1}
    assert who[first.batch] != who[second.batch]
    assert any(WAITING.format(first.batch) in each for each in said)
    assert days.differences(second) == []


def _two_at_once(side: Side, *arguments: str) -> tuple[dict[int, set[str]], list[str]]:
    """Which runs did something for a batch, beyond looking at the door, and what each process said."""
    before = max((attempt.number for attempt in ledger.step_runs()), default=0)
    runs = [side.start(*arguments), side.start(*arguments)]
    assert [run.end() for run in runs] == [0, 0], [run.said() for run in runs]
    who = defaultdict[int, set[str]](set)
    for attempt in ledger.step_runs(before):
        if attempt.step != "check_source":
            who[attempt.batch].add(attempt.run_id)
    return dict(who), [run.said() for run in runs]
