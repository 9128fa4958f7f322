"""Two days started at once on the same stores: one works, the other waits, and the rows are exact."""

from collections import defaultdict

import pytest

from readmit.io.database import ledger
from tests.crash.conftest import DAYS, Days
from tests.crash.stack_runner import StackRunner

pytestmark = pytest.mark.crash
WAITING = "batch {} is leased by another run: waiting until it is done or its lease expires"


def test_of_two_runs_for_one_batch_one_processes_it_and_the_other_reports_that(days: Days) -> None:
    day = DAYS[4]
    days.until(day)
    run_ids, outputs = _two_at_once(days.disturbed, *day.command)
    assert [len(runs) for runs in run_ids.values()] == [1]
    waiting = next(output for output in outputs if WAITING.format(day.batch) in output)
    assert f"batch {day.batch} was completed by another run in the meantime" in waiting
    assert days.differences(day) == []


def test_two_runs_without_a_batch_process_one_batch_each(days: Days) -> None:
    first, second = DAYS[5:]
    days.until(first)
    run_ids, outputs = _two_at_once(days.disturbed, "day")
    assert {batch: len(runs) for batch, runs in run_ids.items()} == {first.batch: 1, second.batch: 1}
    assert run_ids[first.batch] != run_ids[second.batch]
    assert any(WAITING.format(first.batch) in output for output in outputs)
    assert days.differences(second) == []


def _two_at_once(runner: StackRunner, *arguments: str) -> tuple[dict[int, set[str]], list[str]]:
    """The runs that worked on each batch, apart from the source check, and the output of each process."""
    before = max((attempt.number for attempt in ledger.list_step_runs()), default=0)
    runs = [runner.start(*arguments), runner.start(*arguments)]
    assert [run.wait() for run in runs] == [0, 0], [run.output() for run in runs]
    run_ids = defaultdict[int, set[str]](set)
    for attempt in ledger.list_step_runs(before):
        if attempt.step != "check_source":
            run_ids[attempt.batch].add(attempt.run_id)
    return dict(run_ids), [run.output() for run in runs]
