"""Statistics are made of the counts that are stored with each batch, and say what all rows say."""

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
from readmit.core.suppression import FIELDS_COUNTED, CountedGroup, grouped, protected
from readmit.io.database import rows, sql_query
from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate
from readmit.settings import Settings
from tests.api.conftest import LOCAL, Shelf

BATCHES = (900, 1090, 10)
"""Encounters of each; the last one is too small to be shown."""
HEIGHT = sum(BATCHES)


@pytest.fixture
def database(tmp_path: Path, encounters_by_chance: Callable[[int], dict[str, list[str | int]]]) -> str:
    """The address of a database with three batches, in which some values are rare and some not recorded."""
    address, chance = f"sqlite:///{tmp_path / 'db'}", random.Random(7)
    connect(address)
    migrate()
    columns = encounters_by_chance(HEIGHT) | {
        ENCOUNTER: list(range(HEIGHT)),
        PATIENT: list(range(HEIGHT)),
        "gender": chance.choices(("Female", "Male", "Unknown/Invalid"), (500, 500, 3), k=HEIGHT),
        "race": chance.choices(("Caucasian", "Asian", "Other", None), (500, 20, 10, 100), k=HEIGHT),
        "diag_1": chance.choices(("428", "410.1", "250.83", "V57.1", "E885", "7", "8", "1", None), k=HEIGHT),
        OUTCOME: chance.choices(BY_NAME[OUTCOME].choices, k=HEIGHT),
    }
    encounters, start = pl.DataFrame(columns, schema=CLEAN_SCHEMA), 0
    for batch, height in enumerate(BATCHES, start=1):
        rows.replace_clean(batch, encounters.slice(start, height))
        start += height
    return address


@pytest.mark.parametrize("target", TARGETS)
def test_statistics_from_stored_counts_equal_those_made_of_all_rows(database: str, target: str) -> None:
    settings = Settings(database_url=database, target=target, model_poll_seconds=3600)
    with TestClient(create_app(Shelf(), settings), base_url=LOCAL) as client:
        told = client.get("/statistics").json()["items"]
    shown = [(each["field"], tuple(each["values"]), each["encounters"], each["readmitted"]) for each in told]
    assert shown == [
        (field, group.values, group.encounters, group.readmitted)
        for field in FIELDS_COUNTED
        for group in groups_of_all_rows(database, field, target)
    ]
    assert any(len(values) > 1 for _, values, _, _ in shown), "no group had to be shown with others"


def groups_of_all_rows(database: str, field: str, target: str) -> tuple[CountedGroup, ...]:
    """Count the encounters one by one, as they are stored."""
    counts: dict[str, tuple[int, int]] = {}
    with sql_query.answer(database, f"SELECT {field}, {OUTCOME} FROM clean_data_db.encounters") as answered:
        for value, outcome in answered.rows:
            name = "?" if value is None else icd9_chapter(str(value)) if field == "diag_1" else str(value)
            encounters, readmitted = counts.get(name, (0, 0))
            counts[name] = encounters + 1, readmitted + (outcome in TARGETS[target])
    return protected(grouped(field, [(name, *each) for name, each in counts.items()]))
