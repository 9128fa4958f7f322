"""A person's question is answered from all three databases, and changes none of them."""

import polars as pl
import pytest

from readmit.core.cleaning import POSITION
from readmit.core.encounter import COLUMNS
from readmit.core.errors import QueryRejected, StoreUnavailable
from readmit.io.database import ledger, rows
from readmit.io.database.sql_query import answer


def asked(address: str, question: str) -> list[tuple[object, ...]]:
    with answer(address, question) as found:
        return list(found.rows)


@pytest.fixture(autouse=True)
def _one_encounter(databases: str) -> None:
    assert databases
    ledger.update_batch(1, rows=1)
    rows.replace_raw(1, pl.DataFrame({POSITION: [1], **{name: [f"{name} é"] for name in COLUMNS}}))


def test_the_answer_has_the_names_and_the_rows(databases: str) -> None:
    question = "SELECT batch_number AS number, race, NULL AS blank FROM diabetes_raw"
    with answer(databases, question) as found:
        assert found.columns == ("number", "race", "blank")
        assert list(found.rows) == [(1, "race é", None)]


def test_the_rest_of_an_answer_that_nobody_reads_is_left(databases: str) -> None:
    with answer(databases, "SELECT name FROM raw_data_db.migrations") as found:
        assert next(found.rows)
    assert asked(databases, "SELECT 1") == [(1,)]


def test_a_table_is_found_by_its_databases_name_and_by_its_own(databases: str) -> None:
    for table in ("raw_data_db.diabetes_raw", "diabetes_raw", "batches"):
        assert asked(databases, f"SELECT COUNT(*) FROM {table}") == [(1,)], table
    for table in ("clean_data_db.diabetes_clean", "train_data", "validation_data", "test_data", "promotions"):
        assert asked(databases, f"SELECT COUNT(*) FROM {table}") == [(0,)], table
    assert asked(databases, "SELECT COUNT(*) FROM encounters") == [(0,)], "the clean ones come first"
    across = "SELECT COUNT(*) FROM raw_data_db.diabetes_raw r JOIN raw_data_db.batches b ON b.batch = r.batch_number"
    assert asked(databases, across) == [(1,)]


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
def test_a_question_that_would_change_something_is_refused(change: str, databases: str) -> None:
    with pytest.raises(QueryRejected, match="the database says: "), answer(databases, change):
        pass
    assert [row.rows for row in ledger.batch_rows()] == [1]
    assert rows.raw_rows(1).height == 1


@pytest.mark.parametrize(
    "question", ["SELEC 1", "SELECT 1; SELECT 2", "SELECT * FROM nothing", "SELECT nothing FROM batches"]
)
def test_what_the_database_does_not_take_is_said_in_its_words(question: str, databases: str) -> None:
    with pytest.raises(QueryRejected, match="the database says: ..."), answer(databases, question):
        pass


def test_a_query_is_ended_when_its_time_is_up(databases: str) -> None:
    """It counts as many rows as there are ways to draw twenty from a few."""
    few = "(SELECT 1 AS i UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4)"
    endless = f"SELECT COUNT(*) FROM {', '.join(f'{few} AS t{place}' for place in range(20))}"
    with (
        pytest.raises(QueryRejected, match=r"the query was ended after 0\.5 seconds: ask for less at a time"),
        answer(databases, endless, seconds=0.5) as found,
    ):
        list(found.rows)
    assert asked(databases, "SELECT 1") == [(1,)]


def test_databases_that_are_not_there_are_said_to_be_away() -> None:
    with (
        pytest.raises(StoreUnavailable, match="clean_data_db: unable to open"),
        answer("sqlite:///no/such/folder", "SELECT 1"),
    ):
        pass
    with pytest.raises(StoreUnavailable, match="MySQL: Can't connect"), answer("mysql://me@127.0.0.1:1", "SELECT 1"):
        pass
