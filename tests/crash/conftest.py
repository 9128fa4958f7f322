"""Two stacks on one source: on one each day runs undisturbed, on the other runs are killed, or started twice."""

import csv
import random
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ec2_api.sample import write_sample
from readmit.embedded.stack import SERVICES, free_ports, running
from readmit.io.database import leases
from readmit.io.database.connection import connect
from tests.crash.stack_runner import StackRunner
from tests.crash.store_contents import StoreContents, differences, read_stores

BATCHES, BATCH_SIZE, SEED = 6, 1_000, 130
OLD_AGE_GROUPS = ("[70-80)", "[80-90)", "[90-100)")
RETURNING, OLD_RETURNING = 0.22, 0.58
"""Readmission rates so different that few rows are enough for a promoted model, but not so different as a leak."""


@dataclass(frozen=True, slots=True)
class Day:
    """A day that both stacks run in the same order. Another cost ratio makes another version, surely promoted."""

    batch: int
    cost_ratio: str | None = None

    @property
    def command(self) -> tuple[str, ...]:
        return ("day", "--batch", str(self.batch))


DAYS = (Day(1), Day(1, cost_ratio="3"), *(Day(batch) for batch in range(2, BATCHES + 1)))


class Days:
    """The days of the disturbed stack, and the store contents of the undisturbed one, which runs them meanwhile."""

    def __init__(self, disturbed: StackRunner, undisturbed: Sequence[Future[StoreContents]]) -> None:
        self.disturbed, self._undisturbed, self._done = disturbed, undisturbed, 0

    def until(self, day: Day) -> Sequence[StoreContents]:
        """Run the days before one that are not done; the undisturbed store contents before and after that day."""
        index = DAYS.index(day)
        for earlier in DAYS[self._done : index]:
            leases.release_all()
            self.disturbed.run_undisturbed(*earlier.command, cost_ratio=earlier.cost_ratio)
        self._done = index
        return [self._undisturbed[number].result() for number in (max(index - 1, 0), index)]

    def differences(self, day: Day) -> list[str]:
        """The differences between the two stacks after this day."""
        self._done = DAYS.index(day) + 1
        return differences(read_stores(self.disturbed.stack), self._undisturbed[self._done - 1].result())


def _run_day(runner: StackRunner, day: Day) -> StoreContents:
    runner.run_undisturbed(*day.command, cost_ratio=day.cost_ratio)
    return read_stores(runner.stack)


@pytest.fixture(scope="session")
def damaged_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample with a simple rule for readmissions; some encounters violate the contract, some are duplicates."""
    path = tmp_path_factory.mktemp("source") / "sample.csv"
    write_sample(path, rows=BATCHES * BATCH_SIZE, seed=SEED)
    _rewrite(path)
    return path


def _rewrite(path: Path) -> None:
    with path.open(newline="") as file:
        names, *lines = csv.reader(file)
    rng, age, outcome = random.Random(SEED), names.index("age"), names.index("readmitted")
    for line in lines:
        returns = rng.random() < (OLD_RETURNING if line[age] in OLD_AGE_GROUPS else RETURNING)
        line[outcome] = "<30" if returns else "NO"
    for line in lines[300::400]:
        line[age] = "[200-210)"
    for number in range(200, len(lines), 700):
        lines[number][0] = lines[number - 150][0]
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([names, *lines])


@pytest.fixture(scope="session")
def days(damaged_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Days]:
    folder = tmp_path_factory.mktemp("crash")
    with _stack_runner(folder / "clean", damaged_source) as clean, ThreadPoolExecutor(1) as pool:
        undisturbed = [pool.submit(_run_day, clean, day) for day in DAYS]
        (folder / "disturbed").mkdir()
        # For equal keys: the keys of encounters and patients depend on a secret of the stack.
        shutil.copy(clean.stack.folder / "secrets.json", folder / "disturbed")
        try:
            with _stack_runner(folder / "disturbed", damaged_source) as disturbed:
                connect(disturbed.stack.environment["READMIT_DATABASE_URL"])
                yield Days(disturbed, undisturbed)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            clean.close()


@contextmanager
def _stack_runner(folder: Path, source: Path) -> Iterator[StackRunner]:
    extra = {
        "READMIT_DATA": str(source),
        "READMIT_SOURCE_BATCH_SIZE": str(BATCH_SIZE),
        "READMIT_SOURCE_INTERVAL_SECONDS": "0",
        "READMIT_RETRY_DELAY_SECONDS": "0",
    }
    ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
    with running(folder, ports, extra) as stack:
        runner = StackRunner(stack, folder)
        try:
            yield runner
        finally:
            runner.close()
