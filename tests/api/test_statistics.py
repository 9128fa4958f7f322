"""Statistics are computed from the counts stored with each batch, and equal those of all rows."""

import random
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from litestar.testing import TestClient

from api.app import create_app
from readmit.core.cleaning import CLEAN_SCHEMA
from readmit.core.encounter import BY_NAME, ENCOUNTER, OUTCOME, PATIENT, TARGETS
from readmit.core.icd9 import icd9_chapter
from readmit.core.suppression import FIELDS_COUNTED, CountedGroup, suppress_small_cells, to_groups
from readmit.io.database import rows, sql_query
from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate
from readmit.settings import Settings
from tests.api.conftest import LOCAL, InMemoryModelSource

BATCHES = (900, 1090, 10)
"""Encounters of each; the last one is too small to be shown."""
HEIGHT = sum(BATCHES)


@pytest.fixture
def database(tmp_path: Path, random_encounters: Callable[[int], dict[str, list[str | int]]]) -> str:
    """Return the address of a database with three batches, in which some values are rare and some not recorded."""
    address, rng = f"sqlite:///{tmp_path / 'db'}", random.Random(7)
    connect(address)
    migrate()
    columns = random_encounters(HEIGHT) | {
        ENCOUNTER: list(range(HEIGHT)),
        PATIENT: list(range(HEIGHT)),
        "gender": rng.choices(("Female", "Male", "Unknown/Invalid"), (500, 500, 3), k=HEIGHT),
        "race": rng.choices(("Caucasian", "Asian", "Other", None), (500, 20, 10, 100), k=HEIGHT),
        "diag_1": rng.choices(("428", "410.1", "250.83", "V57.1", "E885", "7", "8", "1", None), k=HEIGHT),
        OUTCOME: rng.choices(BY_NAME[OUTCOME].choices, k=HEIGHT),
    }
    encounters, start = pl.DataFrame(columns, schema=CLEAN_SCHEMA), 0
    for batch, height in enumerate(BATCHES, start=1):
        rows.replace_clean(batch, encounters.slice(start, height))
        start += height
    return address


@pytest.mark.parametrize("target", TARGETS)
def test_statistics_from_stored_counts_equal_those_of_all_rows(database: str, target: str) -> None:
    settings = Settings(database_url=database, target=target, model_poll_seconds=3600)
    with TestClient(create_app(InMemoryModelSource(), settings), base_url=LOCAL) as client:
        items = client.get("/statistics").json()["items"]
    groups = [(item["field"], tuple(item["values"]), item["encounters"], item["readmitted"]) for item in items]
    assert groups == [
        (field, group.values, group.encounters, group.readmitted)
        for field in FIELDS_COUNTED
        for group in groups_of_all_rows(database, field, target)
    ]
    assert any(len(values) > 1 for _, values, _, _ in groups), "no group had to be merged with others"


def groups_of_all_rows(database: str, field: str, target: str) -> tuple[CountedGroup, ...]:
    """Count the encounters one by one, as they are stored."""
    counts: dict[str, tuple[int, int]] = {}
    with sql_query.execute_query(database, f"SELECT {field}, {OUTCOME} FROM clean_data_db.encounters") as answered:
        for value, outcome in answered.rows:
            name = "?" if value is None else icd9_chapter(str(value)) if field == "diag_1" else str(value)
            encounters, readmitted = counts.get(name, (0, 0))
            counts[name] = encounters + 1, readmitted + (outcome in TARGETS[target])
    return suppress_small_cells(to_groups(field, [(name, *count) for name, count in counts.items()]))
