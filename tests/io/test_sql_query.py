"""An ad hoc query reads all three databases, and changes none of them."""

import time

import polars as pl
import pytest

from readmit.core.cleaning import POSITION
from readmit.core.encounter import COLUMNS
from readmit.core.errors import QueryRejected, StoreUnavailable
from readmit.io.database import ledger, rows
from readmit.io.database.sql_query import execute_query

THOUSAND = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)"


def fetch_all(address: str, query: str) -> list[tuple[object, ...]]:
    with execute_query(address, query) as result:
        return list(result.rows)


@pytest.fixture(autouse=True)
def _one_encounter(databases: str) -> None:
    assert databases
    ledger.update_batch(1, rows=1)
    rows.replace_raw(1, pl.DataFrame({POSITION: [1], **{name: [f"{name} é"] for name in COLUMNS}}))


def test_a_result_has_column_names_and_rows(databases: str) -> None:
    query = "SELECT batch_number AS number, race, NULL AS blank FROM diabetes_raw"
    with execute_query(databases, query) as result:
        assert result.columns == ("number", "race", "blank")
        assert list(result.rows) == [(1, "race é", None)]


def test_the_rest_of_a_result_may_stay_unread(databases: str) -> None:
    with execute_query(databases, f"{THOUSAND} SELECT a.i FROM n a, n b") as result:
        assert next(result.rows)
    assert fetch_all(databases, "SELECT 1") == [(1,)]


def test_a_table_is_found_with_and_without_the_name_of_its_database(databases: str) -> None:
    for table in ("raw_data_db.diabetes_raw", "diabetes_raw", "batches"):
        assert fetch_all(databases, f"SELECT COUNT(*) FROM {table}") == [(1,)], table
    for table in ("clean_data_db.diabetes_clean", "train_data", "validation_data", "test_data", "promotions"):
        assert fetch_all(databases, f"SELECT COUNT(*) FROM {table}") == [(0,)], table
    assert fetch_all(databases, "SELECT COUNT(*) FROM encounters") == [(0,)], "clean_data_db comes first"
    across = "SELECT COUNT(*) FROM raw_data_db.diabetes_raw r JOIN raw_data_db.batches b ON b.batch = r.batch_number"
    assert fetch_all(databases, across) == [(1,)]


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM raw_data_db.encounters",
        "UPDATE raw_data_db.batches SET clean = 2",
        "INSERT INTO raw_data_db.batches (batch) VALUES (2)",
        "DROP TABLE raw_data_db.batches",
        "DROP VIEW clean_data_db.diabetes_clean",
        "CREATE TABLE clean_data_db.mine (number INTEGER)",
        "CREATE TABLE mine (number INTEGER)",
    ],
)
def test_a_query_that_would_change_something_is_rejected(change: str, databases: str) -> None:
    with pytest.raises(QueryRejected, match="the database rejected the query: "), execute_query(databases, change):
        pass
    assert [row.rows for row in ledger.list_batches()] == [1]
    assert rows.raw_rows(1).height == 1


@pytest.mark.parametrize(
    "query", ["SELEC 1", "SELECT 1; SELECT 2", "SELECT * FROM nothing", "SELECT nothing FROM batches"]
)
def test_an_invalid_query_is_rejected_with_the_message_of_the_database(query: str, databases: str) -> None:
    with pytest.raises(QueryRejected, match="the database rejected the query: ..."), execute_query(databases, query):
        pass


@pytest.mark.parametrize("seconds", [0.0, 0.5])
def test_a_query_is_stopped_at_the_timeout_even_before_it_begins(seconds: float, databases: str) -> None:
    """The query counts 1,000 ** 3 rows, without temporary files."""
    endless = f"{THOUSAND} SELECT i, (SELECT COUNT(*) FROM n b, n c WHERE b.i + c.i > a.i) FROM n a"
    with (
        pytest.raises(QueryRejected, match=f"the query was stopped after {seconds:g} seconds: narrow it down"),
        execute_query(databases, endless, seconds=seconds) as result,
    ):
        list(result.rows)
    assert fetch_all(databases, "SELECT 1") == [(1,)]


def test_a_query_is_stopped_at_the_timeout_while_its_rows_are_read(databases: str) -> None:
    """The rows are 500 MB, more than the buffers between the server and its client hold."""
    query = f"{THOUSAND} SELECT '{'x' * 500}' FROM n a, n b"

    def read_slowly() -> None:
        with execute_query(databases, query, seconds=0.5) as result:
            next(result.rows)
            time.sleep(1)
            list(result.rows)

    with pytest.raises(QueryRejected, match=r"the query was stopped after 0\.5 seconds: narrow it down"):
        read_slowly()
    assert fetch_all(databases, "SELECT 1") == [(1,)]


def test_missing_databases_are_reported_as_unavailable() -> None:
    with (
        pytest.raises(StoreUnavailable, match="clean_data_db: unable to open"),
        execute_query("sqlite:///no/such/folder", "SELECT 1"),
    ):
        pass
    with (
        pytest.raises(StoreUnavailable, match="MySQL: Can't connect"),
        execute_query("mysql://me@127.0.0.1:1", "SELECT 1"),
    ):
        pass
