"""`just sql` answers questions: it makes no file, changes nothing, and ends."""

import sqlite3
import time
from contextlib import closing
from itertools import islice
from pathlib import Path

import pytest

from readmit import sql
from readmit.core.errors import QueryRejected
from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate
from readmit.io.database.sql_query import LONGEST_CELL_BYTES, MOST_SECONDS, answer

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    address = f"sqlite:///{tmp_path / 'db'}"
    connect(address)
    migrate()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    return address


@pytest.mark.attack("file from SQL", "flows")
@pytest.mark.parametrize(
    "question",
    [
        "ATTACH 'made.db' AS made",
        "ATTACH 'file:made.db?mode=rwc' AS made",
        "VACUUM INTO 'made.db'",
        "VACUUM clean_data_db INTO 'made.db'",
        "EXPLAIN ATTACH 'made.db' AS made",
        "CREATE TEMP TABLE made AS SELECT 1",
        "DETACH raw_data_db",
        "PRAGMA temp_store_directory = '.'",
        "PRAGMA query_only = OFF",
        "PRAGMA raw_data_db.journal_mode = DELETE",
        "PRAGMA raw_data_db.user_version = 7",
        "SELECT load_extension('made')",
        "BEGIN EXCLUSIVE",
        "REINDEX",
        "UPDATE sqlite_master SET sql = ''",
        "CREATE VIRTUAL TABLE made USING fts5(i)",
        "ANALYZE",
    ],
)
def test_a_question_makes_no_file_and_changes_no_setting(question: str, address: str, tmp_path: Path) -> None:
    before = {file: file.read_bytes() for file in tmp_path.rglob("*.sqlite3")}
    assert before
    with pytest.raises(QueryRejected, match="not authorized|authorization denied|may not be modified"):
        list(sql.lines(address, question, None))
    assert list((tmp_path / "empty").iterdir()) == []
    assert {file: file.read_bytes() for file in tmp_path.rglob("*.sqlite3")} == before


@pytest.mark.attack("endless query", "flows")
@pytest.mark.parametrize(
    "question",
    [
        pytest.param(f"{ENDLESS} SELECT count(*) FROM n", id="never the first row"),
        pytest.param(f"{ENDLESS} SELECT i FROM n", id="rows without end"),
        pytest.param(f"{ENDLESS} SELECT i FROM n ORDER BY -i LIMIT 1", id="sorted first"),
    ],
)
def test_an_endless_query_is_ended(question: str, address: str) -> None:
    began = time.monotonic()
    with (
        pytest.raises(QueryRejected, match=r"the query was ended after 0\.5 seconds: ask for less at a time"),
        answer(address, question, seconds=0.5) as found,
    ):
        for _ in found.rows:
            pass
    assert 0.5 <= time.monotonic() - began < 20
    assert MOST_SECONDS == 60


@pytest.mark.attack("endless query", "flows")
@pytest.mark.parametrize(
    "question",
    [
        f"SELECT zeroblob({LONGEST_CELL_BYTES + 1})",
        f"SELECT replace(hex(zeroblob({LONGEST_CELL_BYTES // 4})), '00', 'abcdefghi')",
    ],
)
def test_no_value_is_large(question: str, address: str) -> None:
    with pytest.raises(QueryRejected, match="string or blob too big"):
        list(sql.lines(address, question, None))


def test_rows_without_end_are_handed_on_as_they_come_and_a_person_gets_the_first_ones(address: str) -> None:
    question = f"{ENDLESS} SELECT i FROM n"
    assert list(islice(sql.lines(address, question, None), 3)) == ["i", "1", "2"]
    assert list(sql.lines(address, question, 80))[-1].startswith("The first 1,000 rows")


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("PRAGMA raw_data_db.table_info(migrations)", "cid,name,type"),
        ("SELECT name FROM pragma_table_info('batches')", "name"),
        ("EXPLAIN QUERY PLAN SELECT 1", "id,parent"),
        ("SELECT value FROM json_each('[7]')", "value"),
        ("SELECT name FROM raw_data_db.sqlite_master", "name"),
    ],
)
def test_what_only_reads_is_answered(question: str, expected: str, address: str) -> None:
    assert next(iter(sql.lines(address, question, None))).startswith(expected)


def test_the_databases_can_be_written_to_while_a_question_is_open(address: str, tmp_path: Path) -> None:
    (file,) = tmp_path.rglob("raw_data_db.sqlite3")
    with answer(address, "SELECT name FROM raw_data_db.migrations") as found:
        assert next(found.rows)
        with closing(sqlite3.connect(file)) as other, other:
            other.execute("CREATE TABLE another (i INTEGER)")
