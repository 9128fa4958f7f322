import logging
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
from tests.unusual_paths import UNUSUAL_NAME

__all__ = ["containers", "data"]

ROWS, BATCH_SIZE = 15_000, 5_000
CODES = {
    ICD9: ("428", "250.83", "V57", "585"),
    PAYER: ("MC", "HM", "UN", "SP"),
    SPECIALTY: ("InternalMedicine", "Cardiology", "Surgery-General", "Family/GeneralPractice"),
}
"""A few codes of each pattern."""
SLOWEST_FILES = ("test_the_real_demo.py", "test_demo.py", "test_the_day.py", "test_model.py")
"""Files whose tests take minutes. They start first, so that no core waits for them at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the slowest files first.

    pytest-xdist would start with the files that have the most tests, but for --no-loadscope-reorder.
    """
    items.sort(
        key=lambda item: SLOWEST_FILES.index(item.path.name) if item.path.name in SLOWEST_FILES else len(SLOWEST_FILES)
    )


@pytest.fixture(scope="session")
def random_encounters() -> Callable[[int], dict[str, list[str | int]]]:
    """Return a generator of random encounters: for a number of rows, a column of valid values for each of FEATURES."""

    def generate(rows: int) -> dict[str, list[str | int]]:
        rng = random.Random(11)
        columns: dict[str, list[str | int]] = {}
        for name in FEATURES:
            field = BY_NAME[name]
            values: Sequence[str | int] = field.choices or CODES.get(field.pattern, ())
            if field.whole_number:
                values = [int(choice) for choice in field.choices] or range(field.low, 12)
            columns[name] = rng.choices(values, k=rows)
        return columns

    return generate


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a synthetic source of three batches, enough for a model that passes the gates."""
    path = tmp_path_factory.mktemp("sample") / "sample.csv"
    write_sample(path, rows=ROWS, seed=130)
    return path


@pytest.fixture(scope="session")
def stack(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Run the services of the embedded stack over the sample."""
    variables = {
        "READMIT_DATA": str(sample),
        "READMIT_SOURCE_BATCH_SIZE": str(BATCH_SIZE),
        "READMIT_SOURCE_INTERVAL_SECONDS": "0",
        "READMIT_RETRY_DELAY_SECONDS": "0",
    }
    ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
    with running(tmp_path_factory.mktemp(UNUSUAL_NAME), ports, variables) as running_stack:
        yield running_stack


@pytest.fixture
def settings(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return settings of the running stack, with the test's own databases."""
    for name, value in stack.environment.items():
        if os.environ.get(name) != value:
            monkeypatch.setenv(name, value)
    return settings_over_fresh_databases(tmp_path, monkeypatch)


def settings_over_fresh_databases(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return settings with empty databases in a folder."""
    monkeypatch.setenv("READMIT_DATABASE_URL", f"sqlite:///{folder / 'db'}")
    settings = load()
    connect(settings.database_address)
    migrate()
    return settings


@pytest.fixture(autouse=True)
def enabled_logs() -> Iterator[None]:
    """Enable logs again, which a command of a stack disables in its process."""
    yield
    logging.disable(logging.NOTSET)
