"""Two stacks over one source: on one every day is done undisturbed, on the other runs are killed, or started twice."""

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
from readmit.io.database import ledger
from readmit.io.database.connection import connect
from tests.crash.kept import Kept, differences, kept
from tests.crash.side import Side

BATCHES, BATCH_SIZE, SEED = 6, 1_000, 130
OLD = ("[70-80)", "[80-90)", "[90-100)")
RETURNING, OLD_RETURNING = 0.22, 0.58
"""So strong a rule that so few rows are enough for a model that is promoted, and not so strong that it seems a leak."""


@dataclass(frozen=True, slots=True)
class Day:
    """What both sides do in the same order. Another cost ratio: the same model, another version, promoted for sure."""

    batch: int
    cost_ratio: str | None = None

    @property
    def command(self) -> tuple[str, ...]:
        return ("day", "--batch", str(self.batch))


DAYS = (Day(1), Day(1, cost_ratio="3"), *(Day(batch) for batch in range(2, BATCHES + 1)))


class Days:
    """The days of the other side, and what is kept on the undisturbed one, which does them meanwhile."""

    def __init__(self, other: Side, undisturbed: Sequence[Future[Kept]]) -> None:
        self.other, self._undisturbed, self._done = other, undisturbed, 0

    def until(self, day: Day) -> Sequence[Kept]:
        """Does the days before one, as far as they are not done; what was kept before the day and after it."""
        place = DAYS.index(day)
        for each in DAYS[self._done : place]:
            ledger.drop_every_lease()
            self.other.carry_out(*each.command, cost_ratio=each.cost_ratio)
        self._done = place
        return [self._undisturbed[number].result() for number in (max(place - 1, 0), place)]

    def differences(self, day: Day) -> list[str]:
        """In what the two sides differ now that this day is done."""
        self._done = DAYS.index(day) + 1
        return differences(kept(self.other.stack), self._undisturbed[self._done - 1].result())


def _done_cleanly(clean: Side, day: Day) -> Kept:
    clean.carry_out(*day.command, cost_ratio=day.cost_ratio)
    return kept(clean.stack)


@pytest.fixture(scope="session")
def damaged_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample with a simple rule for who comes back; some encounters break the contract, some come twice."""
    path = tmp_path_factory.mktemp("source") / "sample.csv"
    write_sample(path, rows=BATCHES * BATCH_SIZE, seed=SEED)
    _rewrite(path)
    return path


def _rewrite(path: Path) -> None:
    with path.open(newline="") as file:
        names, *lines = csv.reader(file)
    chance, age, outcome = random.Random(SEED), names.index("age"), names.index("readmitted")
    for line in lines:
        returns = chance.random() < (OLD_RETURNING if line[age] in OLD else RETURNING)
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
    with _side(folder / "clean", damaged_source) as clean, ThreadPoolExecutor(1) as pool:
        undisturbed = [pool.submit(_done_cleanly, clean, day) for day in DAYS]
        (folder / "other").mkdir()
        # Equal keys: the keys of encounters and patients are made under a secret of the stack.
        shutil.copy(clean.stack.folder / "secrets.json", folder / "other")
        try:
            with _side(folder / "other", damaged_source) as other:
                connect(other.stack.environment["READMIT_DATABASE_URL"])
                yield Days(other, undisturbed)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            clean.close()


@contextmanager
def _side(folder: Path, source: Path) -> Iterator[Side]:
    own = {
        "READMIT_DATA": str(source),
        "READMIT_SOURCE_BATCH_SIZE": str(BATCH_SIZE),
        "READMIT_SOURCE_INTERVAL_SECONDS": "0",
        "READMIT_RETRY_DELAY_SECONDS": "0",
    }
    ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
    with running(folder, ports, own) as stack:
        side = Side(stack, folder)
        try:
            yield side
        finally:
            side.close()
