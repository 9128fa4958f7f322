"""A run that is killed by -9 at any moment and started again ends with exactly what an undisturbed one leaves."""

import itertools
import random
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import pytest

from readmit.core.model import CANDIDATES
from readmit.io.database import ledger
from readmit.io.database.tables import StepRun
from readmit.pipeline import STEPS
from tests.crash.conftest import DAYS, Day, Days
from tests.crash.kept import require_part_of, rows
from tests.crash.places import A_DAY, AGAIN, TRAINED_ANEW, Place
from tests.crash.side import KILLED, Run, Side

pytestmark = pytest.mark.crash
MOMENTS, SEED = 20, 20_261_125
PLAIN = (7, 15)
"""Which of them kill a run as a shell starts it."""
LOOK_AGAIN_SECONDS = 0.01
SHORT_LEASE_SECONDS = 5.0
TRIES = 6


def test_a_run_killed_at_a_nasty_place_ends_right(days: Days) -> None:
    day = DAYS[0]
    before, whole = days.until(day)
    for place in A_DAY:
        stood = rows(days.other.stack, day.batch)
        _die(days.other, place, "day")
        require_part_of(days.other.stack, day.batch, before, whole)
        assert place not in AGAIN or rows(days.other.stack, day.batch) == stood, place.name
    assert days.differences(day) == []


def test_a_run_killed_while_a_version_takes_the_place_of_another_ends_right(days: Days) -> None:
    day = DAYS[1]
    before, whole = days.until(day)
    assert [each.aliases["production"] for each in (before, whole)] == ["1", "2"]
    for place in TRAINED_ANEW:
        _die(days.other, place, *day.command, cost_ratio=day.cost_ratio)
        require_part_of(days.other.stack, day.batch, before, whole)
    days.other.carry_out(*day.command, cost_ratio=day.cost_ratio)
    assert days.differences(day) == []


def _die(side: Side, place: Place, *command: str, cost_ratio: str | None = None) -> None:
    run = side.start(*command, place=place, cost_ratio=cost_ratio)
    assert run.end() == KILLED, f"{place.name}: it was not reached\n{run.said()}"
    assert ledger.step_runs()[-1].step == place.step, place.name
    ledger.drop_every_lease()


def test_a_run_killed_inside_each_step_ends_right(days: Days) -> None:
    day, chance = DAYS[2], random.Random(SEED)
    before, whole = days.until(day)
    for step in STEPS:
        share = chance.uniform(0.1, 0.7)
        attempts = _killed(days.other, day, Moment(step.name, share, whole.seconds[step.name]), inside=True)
        assert (attempts[-1].step, attempts[-1].state) == (step.name, "running")
        require_part_of(days.other.stack, day.batch, before, whole)
    # The last one waits until the lease of the killed one has expired.
    run = days.other.start(*day.command)
    assert run.end() == 0, run.said()
    assert f"batch {day.batch} is in another run's hands: waiting until it is done or its lease expires" in run.said()
    assert days.differences(day) == []


def test_a_run_killed_at_random_moments_ends_right(days: Days) -> None:
    day, chance = DAYS[3], random.Random(SEED)
    before, whole = days.until(day)
    points = [chance.random() for _ in range(MOMENTS)]
    for number, moment in enumerate(_moments(points, whole.seconds)):
        print(f"moment {number}: {moment.share:.0%} of {moment.seconds:.2f} s into {moment.step}")
        _killed(days.other, day, moment, plain=number in PLAIN)
        require_part_of(days.other.stack, day.batch, before, whole)
    ledger.drop_every_lease()
    days.other.carry_out(*day.command)
    assert days.differences(day) == []


@dataclass(frozen=True, slots=True)
class Moment:
    """When a step has run for a share of the seconds that it is expected to take."""

    step: str
    share: float
    seconds: float


def _moments(points: Iterable[float], seconds: Mapping[str, float]) -> Iterator[Moment]:
    """The moments at some points of a day (0: its begin, 1: its end), in order, by the seconds that each step takes.

    What an earlier run has fitted is not fitted again: a later one takes less.
    """
    starts = dict(zip(seconds, itertools.accumulate(seconds.values(), initial=0.0), strict=False))
    fitted, of_one = 0.0, seconds["train"] / len(CANDIDATES)
    for point in sorted(points):
        passed = point * sum(seconds.values())
        step = max((step for step in starts if starts[step] <= passed), key=starts.__getitem__)
        into, saved = passed - starts[step], fitted if step == "train" else 0.0
        yield Moment(step, (into - saved) / (seconds[step] - saved), seconds[step] - saved)
        fitted = into // of_one * of_one if step == "train" else fitted


def _killed(side: Side, day: Day, moment: Moment, inside: bool = False, plain: bool = False) -> list[StepRun]:
    """Kills a run at a moment, and if it has to be, inside that step; its attempts at steps.

    One that was quicker is started again, and killed sooner.
    """
    for _ in range(TRIES):
        ledger.drop_every_lease()
        before = max((attempt.number for attempt in ledger.step_runs()), default=0)
        run = side.start_plainly(*day.command) if plain else side.start(*day.command, lease_seconds=SHORT_LEASE_SECONDS)
        code = _kill(run, moment, before)
        assert code in (KILLED, 0), run.said()
        attempts = ledger.step_runs(before)
        last = next(attempt for attempt in reversed(attempts) if attempt.step == moment.step)
        if code == KILLED and (not inside or (last is attempts[-1] and last.state == "running")):
            return attempts
        moment = replace(moment, seconds=last.seconds or 0.0)
    pytest.fail(f"no run was killed in {TRIES} tries at {moment}")


def _kill(run: Run, moment: Moment, before: int) -> int:
    """Kills a run whose attempts have numbers above one; its exit code."""
    while run.lives() and not any(attempt.step == moment.step for attempt in ledger.step_runs(before)):
        time.sleep(LOOK_AGAIN_SECONDS)
    time.sleep(moment.share * moment.seconds)
    return run.kill()
