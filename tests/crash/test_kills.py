"""A run killed with SIGKILL at any moment and restarted ends with exactly the contents of an undisturbed one."""

import itertools
import random
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import pytest

from readmit.core.model import CANDIDATES
from readmit.io.database import leases, ledger
from readmit.io.database.tables import StepRun
from readmit.pipeline import STEPS
from tests.crash.conftest import DAYS, Day, Days
from tests.crash.kill_points import DAY_KILL_POINTS, RETRAINING_KILL_POINTS, REWRITE_KILL_POINTS, KillPoint
from tests.crash.stack_runner import KILLED, Run, StackRunner
from tests.crash.store_contents import assert_subset_of, rows

pytestmark = pytest.mark.crash
MOMENTS, SEED = 20, 20_261_125
SHELL_RUNS = (7, 15)
"""The moments at which a run started from a shell is killed."""
POLL_SECONDS = 0.01
SHORT_LEASE_SECONDS = 5.0
TRIES = 6


def test_a_run_killed_at_a_critical_point_ends_right(days: Days) -> None:
    day = DAYS[0]
    before, whole = days.until(day)
    for kill_point in DAY_KILL_POINTS:
        rows_before = rows(days.disturbed.stack, day.batch)
        _run_to_kill_point(days.disturbed, kill_point, "day")
        assert_subset_of(days.disturbed.stack, day.batch, before, whole)
        assert kill_point not in REWRITE_KILL_POINTS or rows(days.disturbed.stack, day.batch) == rows_before, (
            kill_point.name
        )
    assert days.differences(day) == []


def test_a_run_killed_while_a_version_replaces_another_ends_right(days: Days) -> None:
    day = DAYS[1]
    before, whole = days.until(day)
    assert [contents.aliases["production"] for contents in (before, whole)] == ["1", "2"]
    for kill_point in RETRAINING_KILL_POINTS:
        _run_to_kill_point(days.disturbed, kill_point, *day.command, cost_ratio=day.cost_ratio)
        assert_subset_of(days.disturbed.stack, day.batch, before, whole)
    days.disturbed.run_undisturbed(*day.command, cost_ratio=day.cost_ratio)
    assert days.differences(day) == []


def _run_to_kill_point(
    runner: StackRunner, kill_point: KillPoint, *command: str, cost_ratio: str | None = None
) -> None:
    run = runner.start(*command, kill_point=kill_point, cost_ratio=cost_ratio)
    assert run.wait() == KILLED, f"{kill_point.name}: it was not reached\n{run.output()}"
    assert ledger.list_step_runs()[-1].step == kill_point.step, kill_point.name
    leases.release_all()


def test_a_run_killed_inside_each_step_ends_right(days: Days) -> None:
    day, rng = DAYS[2], random.Random(SEED)
    before, whole = days.until(day)
    for step in STEPS:
        share = rng.uniform(0.1, 0.7)
        attempts = _kill_at_moment(days.disturbed, day, Moment(step.name, share, whole.seconds[step.name]), inside=True)
        assert (attempts[-1].step, attempts[-1].state) == (step.name, "running")
        assert_subset_of(days.disturbed.stack, day.batch, before, whole)
    # The last one waits until the lease of the killed one has expired.
    run = days.disturbed.start(*day.command)
    assert run.wait() == 0, run.output()
    assert f"batch {day.batch} is leased by another run: waiting until it is done or its lease expires" in run.output()
    assert days.differences(day) == []


def test_a_run_killed_at_random_moments_ends_right(days: Days) -> None:
    day, rng = DAYS[3], random.Random(SEED)
    before, whole = days.until(day)
    points = [rng.random() for _ in range(MOMENTS)]
    for number, moment in enumerate(_moments(points, whole.seconds)):
        print(f"moment {number}: {moment.share:.0%} of {moment.seconds:.2f} s into {moment.step}")
        _kill_at_moment(days.disturbed, day, moment, from_shell=number in SHELL_RUNS)
        assert_subset_of(days.disturbed.stack, day.batch, before, whole)
    leases.release_all()
    days.disturbed.run_undisturbed(*day.command)
    assert days.differences(day) == []


@dataclass(frozen=True, slots=True)
class Moment:
    """The moment when a step has run for a share of its expected seconds."""

    step: str
    share: float
    seconds: float


def _moments(points: Iterable[float], seconds: Mapping[str, float]) -> Iterator[Moment]:
    """The moments at some points of a day (0: its start, 1: its end), in order, by the seconds that each step takes.

    A candidate fitted by an earlier run is not fitted again: a later run takes less time.
    """
    starts = dict(zip(seconds, itertools.accumulate(seconds.values(), initial=0.0), strict=False))
    fitted, of_one = 0.0, seconds["train"] / len(CANDIDATES)
    for point in sorted(points):
        passed = point * sum(seconds.values())
        step = max((step for step in starts if starts[step] <= passed), key=starts.__getitem__)
        into, saved = passed - starts[step], fitted if step == "train" else 0.0
        yield Moment(step, (into - saved) / (seconds[step] - saved), seconds[step] - saved)
        fitted = into // of_one * of_one if step == "train" else fitted


def _kill_at_moment(
    runner: StackRunner, day: Day, moment: Moment, inside: bool = False, from_shell: bool = False
) -> list[StepRun]:
    """Kill a run at a moment, within that step if `inside`, and return its attempts at steps.

    A run that was quicker is started again, and killed sooner.
    """
    for _ in range(TRIES):
        leases.release_all()
        before = max((attempt.number for attempt in ledger.list_step_runs()), default=0)
        if from_shell:
            run = runner.start_from_shell(*day.command)
        else:
            run = runner.start(*day.command, lease_seconds=SHORT_LEASE_SECONDS)
        code = _kill(run, moment, before)
        assert code in (KILLED, 0), run.output()
        attempts = ledger.list_step_runs(before)
        last = next(attempt for attempt in reversed(attempts) if attempt.step == moment.step)
        if code == KILLED and (not inside or (last is attempts[-1] and last.state == "running")):
            return attempts
        moment = replace(moment, seconds=last.seconds or 0.0)
    pytest.fail(f"no run was killed in {TRIES} tries at {moment}")


def _kill(run: Run, moment: Moment, before: int) -> int:
    """Kill a run, whose attempts are numbered above `before`, and return its exit code."""
    while run.is_alive() and not any(attempt.step == moment.step for attempt in ledger.list_step_runs(before)):
        time.sleep(POLL_SECONDS)
    time.sleep(moment.share * moment.seconds)
    return run.kill()
