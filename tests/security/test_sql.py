"""`just sql` is read-only: it creates no file, changes nothing, and ends."""

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
from readmit.io.database.sql_query import MAX_CELL_BYTES, TIMEOUT_SECONDS, execute_query

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    address = f"sqlite:///{tmp_path / 'db'}"
    connect(address)
    migrate()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    return address


@pytest.mark.attack("file creation by SQL", "flows")
@pytest.mark.parametrize(
    "query",
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
def test_a_query_creates_no_file_and_changes_no_setting(query: str, address: str, tmp_path: Path) -> None:
    before = {file: file.read_bytes() for file in tmp_path.rglob("*.sqlite3")}
    assert before
    with pytest.raises(QueryRejected, match="not authorized|authorization denied|may not be modified"):
        list(sql.lines(address, query, None))
    assert list((tmp_path / "empty").iterdir()) == []
    assert {file: file.read_bytes() for file in tmp_path.rglob("*.sqlite3")} == before


@pytest.mark.attack("endless query", "flows")
@pytest.mark.parametrize(
    "query",
    [
        pytest.param(f"{ENDLESS} SELECT count(*) FROM n", id="never the first row"),
        pytest.param(f"{ENDLESS} SELECT i FROM n", id="rows without end"),
        pytest.param(f"{ENDLESS} SELECT i FROM n ORDER BY -i LIMIT 1", id="sorted first"),
    ],
)
def test_an_endless_query_is_stopped(query: str, address: str) -> None:
    started_at = time.monotonic()
    with (
        pytest.raises(QueryRejected, match=r"the query was stopped after 0\.5 seconds: narrow it down"),
        execute_query(address, query, seconds=0.5) as result,
    ):
        for _ in result.rows:
            pass
    assert 0.5 <= time.monotonic() - started_at < 20
    assert TIMEOUT_SECONDS == 60


@pytest.mark.attack("endless query", "flows")
@pytest.mark.parametrize(
    "query",
    [
        f"SELECT zeroblob({MAX_CELL_BYTES + 1})",
        f"SELECT replace(hex(zeroblob({MAX_CELL_BYTES // 4})), '00', 'abcdefghi')",
    ],
)
def test_the_size_of_a_value_is_limited(query: str, address: str) -> None:
    with pytest.raises(QueryRejected, match="string or blob too big"):
        list(sql.lines(address, query, None))


def test_endless_rows_are_streamed_and_a_terminal_gets_the_first_ones(address: str) -> None:
    query = f"{ENDLESS} SELECT i FROM n"
    assert list(islice(sql.lines(address, query, None), 3)) == ["i", "1", "2"]
    assert list(sql.lines(address, query, 80))[-1].startswith("Showing the first 1,000 rows")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("PRAGMA raw_data_db.table_info(migrations)", "cid,name,type"),
        ("SELECT name FROM pragma_table_info('batches')", "name"),
        ("EXPLAIN QUERY PLAN SELECT 1", "id,parent"),
        ("SELECT value FROM json_each('[7]')", "value"),
        ("SELECT name FROM raw_data_db.sqlite_master", "name"),
    ],
)
def test_a_read_only_query_is_allowed(query: str, expected: str, address: str) -> None:
    assert next(iter(sql.lines(address, query, None))).startswith(expected)


def test_the_databases_are_writable_while_a_query_is_open(address: str, tmp_path: Path) -> None:
    (file,) = tmp_path.rglob("raw_data_db.sqlite3")
    with execute_query(address, "SELECT name FROM raw_data_db.migrations") as result:
        assert next(result.rows)
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("CREATE TABLE another (i INTEGER)")
