import threading
from pathlib import Path

import polars as pl
import pytest

from readmit.core.cleaning import CLEAN_SCHEMA, FAULTS_SCHEMA, POSITION
from readmit.core.encounter import COLUMNS, ENCOUNTER, PATIENT
from readmit.core.refusal import ContractBroken, StoreAway
from readmit.core.splitting import SPLIT
from readmit.io.database import rows
from readmit.io.database.connection import CLEAN, RAW, connect, reading_in_bulk, using
from readmit.io.database.tables import TABLES, migrate


@pytest.fixture(autouse=True)
def databases(tmp_path: Path) -> Path:
    folder = tmp_path / "a folder with % and spaces"
    connect(f"sqlite:///{folder}")
    migrate()
    return folder


def raw(*encounters: str) -> pl.DataFrame:
    columns = {name: [f"{name} of {each}" for each in encounters] for name in COLUMNS} | {ENCOUNTER: list(encounters)}
    return pl.DataFrame({POSITION: list(range(1, len(encounters) + 1)), **columns})


def test_a_batch_is_replaced_as_a_whole_and_the_others_stay() -> None:
    rows.replace_raw(1, raw("11", "12", "13"))
    rows.replace_raw(2, raw("21"))
    rows.replace_raw(1, raw("14"))
    assert rows.raw_rows(1)[ENCOUNTER].to_list() == ["14"]
    assert rows.raw_rows(2).equals(raw("21"))


def test_what_is_written_is_read_back_with_null_as_null() -> None:
    whole = {name: [3 if kind == pl.Int64 else "x"] for name, kind in CLEAN_SCHEMA.items()}
    empty = {name: [None] for name in CLEAN_SCHEMA} | {ENCOUNTER: [4], PATIENT: [4]}
    clean = pl.concat(pl.DataFrame(columns, schema=CLEAN_SCHEMA) for columns in (whole, empty))
    rows.replace_clean(1, clean)
    rows.replace_splits(1, pl.DataFrame({ENCOUNTER: [3, 4], SPLIT: ["train", "test"]}))
    read = rows.clean_rows(1)
    assert read.drop(SPLIT).equals(clean)
    assert read[SPLIT].to_list() == ["train", "test"]


def test_a_batch_that_cannot_be_written_leaves_what_was_there() -> None:
    rows.replace_splits(1, pl.DataFrame({ENCOUNTER: [1], SPLIT: ["train"]}))
    with pytest.raises(ContractBroken, match="clean_data_db: UNIQUE"):
        rows.replace_splits(1, pl.DataFrame({ENCOUNTER: [2, 2], SPLIT: ["test", "test"]}))
    with using(CLEAN):
        assert CLEAN.execute_sql("SELECT encounter_id, split FROM splits").fetchall() == [(1, "train")]


def test_an_encounter_came_before_if_it_came_whole_in_an_earlier_batch() -> None:
    rows.replace_raw(1, raw("11", "12"))
    rows.replace_raw(2, raw("21"))
    fault = {POSITION: [1], ENCOUNTER: ["11"], "field": ["race"], "reason": ["unknown"]}
    rows.replace_quarantine(1, pl.DataFrame(fault, schema=FAULTS_SCHEMA))
    assert rows.whole_encounters_before(1) == []
    assert rows.whole_encounters_before(2) == ["12"]


def test_a_bulk_read_waits_for_open_connections_of_other_threads_and_refuses_its_own() -> None:
    rows.replace_raw(1, raw("11"))
    read: list[int] = []
    with using(RAW):
        reader = threading.Thread(target=lambda: read.append(rows.raw_rows(1).height))
        reader.start()
        reader.join(0.3)
        assert read == []
        with pytest.raises(RuntimeError, match="would drop its locks"), reading_in_bulk(RAW):
            pass
    reader.join(10)
    assert read == [1]


def test_a_database_that_can_not_be_opened_or_has_no_tables_is_named(tmp_path: Path) -> None:
    connect(f"sqlite:///{tmp_path / 'empty'}")
    with pytest.raises(StoreAway, match="raw_data_db: .*no such table"):
        rows.replace_raw(1, raw("11"))
    with pytest.raises(StoreAway, match="raw_data_db: .*no such table"):
        rows.raw_rows(1)
    (tmp_path / "away").mkdir()
    (tmp_path / "away" / "raw_data_db.sqlite3").mkdir()
    connect(f"sqlite:///{tmp_path / 'away'}")
    with pytest.raises(StoreAway, match="raw_data_db: unable to open"):
        rows.replace_raw(1, raw("11"))


def test_tables_are_made_once() -> None:
    migrate()
    assert len({(table._meta.database, table._meta.table_name) for table in TABLES}) == len(TABLES)
