import os
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from ec2_api.sample import write_sample
from readmit.core.encounter import BY_NAME, FEATURES, ICD9, PAYER, SPECIALTY
from readmit.embedded.stack import SERVICES, Stack, free_ports, running
from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate
from readmit.settings import Settings, load
from tests.e2e.containers import containers, data

__all__ = ["containers", "data"]

ROWS, BATCH_SIZE = 15_000, 5_000
CODES = {
    ICD9: ("428", "250.83", "V57", "585"),
    PAYER: ("MC", "HM", "UN", "SP"),
    SPECIALTY: ("InternalMedicine", "Cardiology", "Surgery-General", "Family/GeneralPractice"),
}
"""Some of each, by pattern."""
LONGEST = ("test_the_real_demo.py", "test_demo.py", "test_the_day.py", "test_model.py")
"""Files whose tests take minutes: they begin first, so that no core waits for them alone at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Longest first. (pytest-xdist would begin with the files that have the most tests: --no-loadscope-reorder.)"""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


@pytest.fixture(scope="session")
def encounters_by_chance() -> Callable[[int], dict[str, list[str | int]]]:
    """Makes so many encounters, a column for each of FEATURES: any value that its field may hold."""

    def made(rows: int) -> dict[str, list[str | int]]:
        chance = random.Random(11)
        columns: dict[str, list[str | int]] = {}
        for name in FEATURES:
            field = BY_NAME[name]
            among: Sequence[str | int] = field.choices or CODES.get(field.pattern, ())
            if field.whole_number:
                among = [int(choice) for choice in field.choices] or range(field.low, 12)
            columns[name] = chance.choices(among, k=rows)
        return columns

    return made


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic source of three batches, enough for a model that is worth promoting."""
    path = tmp_path_factory.mktemp("sample") / "sample.csv"
    write_sample(path, rows=ROWS, seed=130)
    return path


@pytest.fixture(scope="session")
def stack(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The services of the embedded stack over the sample."""
    own = {
        "READMIT_DATA": str(sample),
        "READMIT_SOURCE_BATCH_SIZE": str(BATCH_SIZE),
        "READMIT_SOURCE_INTERVAL_SECONDS": "0",
        "READMIT_RETRY_DELAY_SECONDS": "0",
    }
    ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
    with running(tmp_path_factory.mktemp("stack"), ports, own) as up:
        yield up


@pytest.fixture
def settings(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of the running stack, over databases of the test's own."""
    for name, value in stack.environment.items():
        if os.environ.get(name) != value:
            monkeypatch.setenv(name, value)
    return over_fresh_databases(tmp_path, monkeypatch)


def over_fresh_databases(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings over empty databases in a folder."""
    monkeypatch.setenv("READMIT_DATABASE_URL", f"sqlite:///{folder / 'db'}")
    made = load()
    connect(made.database_address)
    migrate()
    return made
