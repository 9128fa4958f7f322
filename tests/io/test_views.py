"""Who knows the original's tables asks its questions here, and gets the answers that the rows give."""

import re

import polars as pl
import pytest

from ec2_api.sample import write_sample
from readmit.core.cleaning import as_they_came, clean
from readmit.core.encounter import COLUMNS, ENCOUNTER, OUTCOME, TARGETS, labels
from readmit.core.legacy_columns import SPLIT_TABLES, derived, original_name
from readmit.core.splitting import SPLIT, with_split
from readmit.io.database import rows
from readmit.io.database.connection import CLEAN, on_mysql, using
from readmit.io.database.schema import migrate
from readmit.io.database.sql_query import answer

BATCHES = {1: 300, 2: 200}
TARGET = "within_30_days"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    path = tmp_path_factory.mktemp("sample") / "sample.csv"
    write_sample(path, rows=sum(BATCHES.values()), seed=7)
    return pl.read_csv(path, infer_schema=False)


@pytest.fixture
def encounters(databases: str, source: pl.DataFrame) -> pl.DataFrame:
    """Clean encounters with their batch and split, as they are stored."""
    assert databases
    kept, offset = [], 0
    for batch, size in BATCHES.items():
        raw = as_they_came(source.slice(offset, size))
        found = with_split(clean(raw, ()).clean)
        rows.replace_raw(batch, raw)
        rows.replace_clean(batch, found.drop(SPLIT))
        rows.replace_splits(batch, found.select(ENCOUNTER, SPLIT))
        kept.append(found.with_columns(batch=pl.lit(batch)))
        offset += size
    return pl.concat(kept)


def asked(address: str, question: str) -> list[tuple[object, ...]]:
    with answer(address, question) as found:
        return list(found.rows)


def columns(address: str, view: str) -> list[str]:
    with answer(address, f"SELECT * FROM {view} LIMIT 1") as found:
        return list(found.columns)


def test_diabetes_raw_is_asked_how_many_came_in_each_batch(databases: str, encounters: pl.DataFrame) -> None:
    assert encounters.height
    question = "SELECT batch_number, COUNT(*) FROM diabetes_raw GROUP BY batch_number ORDER BY batch_number"
    assert asked(databases, question) == list(BATCHES.items())


def test_diabetes_clean_is_asked_for_the_rate_of_readmission_by_age(databases: str, encounters: pl.DataFrame) -> None:
    question = "SELECT age_numeric, AVG(readmitted) FROM diabetes_clean GROUP BY age_numeric"
    found = {age: float(str(rate)) for age, rate in asked(databases, question)}
    middle = pl.col("age").str.extract(r"\[(\d+)-").cast(pl.Int64) + 5
    rates = encounters.group_by(middle).agg((pl.col(OUTCOME) == "<30").mean())
    assert found == pytest.approx(dict(rates.iter_rows()), abs=1e-4)


@pytest.mark.parametrize(("split", "view"), SPLIT_TABLES.items())
def test_the_tables_of_the_splits_are_asked_how_many_they_hold_and_how_many_of_them_were_readmitted(
    split: str, view: str, databases: str, encounters: pl.DataFrame
) -> None:
    mine = encounters.filter(pl.col(SPLIT) == split)
    found = asked(databases, f"SELECT COUNT(*), SUM(readmitted) FROM {view}")
    assert [tuple(map(int, map(str, row))) for row in found] == [(mine.height, (mine[OUTCOME] == "<30").sum())]


@pytest.mark.parametrize("target", TARGETS)
def test_readmitted_is_the_label_of_the_target_that_stands_beside_it(
    target: str, databases: str, encounters: pl.DataFrame
) -> None:
    migrate(target)
    found = asked(databases, "SELECT readmitted_as_recorded, readmitted, target FROM diabetes_clean")
    assert len(found) == encounters.height
    assert {str(outcome) for outcome, _, _ in found} == {"NO", ">30", "<30"}
    assert [label for _, label, _ in found] == labels([str(outcome) for outcome, _, _ in found], target)
    assert {each for *_, each in found} == {target}


def test_every_derived_number_is_that_of_the_value_beside_it(databases: str, encounters: pl.DataFrame) -> None:
    for column in derived(TARGET):
        theirs = "readmitted_as_recorded" if column.column == OUTCOME else original_name(column.column)
        found = asked(databases, f"SELECT DISTINCT {theirs}, {column.name} FROM diabetes_clean")
        values = encounters[column.column].unique().to_list()
        assert dict(found) == {value: column.numbers.get(value) for value in values}, column.name


def test_the_views_have_the_originals_columns(databases: str, encounters: pl.DataFrame) -> None:
    assert encounters.height
    renamed = ["change_medication" if name == "change" else name for name in COLUMNS]
    assert columns(databases, "diabetes_raw") == ["id", "batch_number", "created_at", *renamed]
    clean_ones = columns(databases, "diabetes_clean")
    assert {"batch_number", "created_at", "age_numeric", "diabetesMed_yes", "race_encoded", *renamed} <= set(clean_ones)
    assert all(columns(databases, view) == clean_ones for view in SPLIT_TABLES.values())


def test_the_number_of_a_raw_row_is_its_own_and_stays_when_the_batch_is_stored_again(
    databases: str, encounters: pl.DataFrame, source: pl.DataFrame
) -> None:
    assert encounters.height
    question = "SELECT id, encounter_id FROM diabetes_raw ORDER BY id"
    before = asked(databases, question)
    rows.replace_raw(1, as_they_came(source.slice(0, BATCHES[1])))
    assert asked(databases, question) == before
    assert len({number for number, _ in before}) == sum(BATCHES.values())


@pytest.mark.parametrize("view", ["diabetes_clean", *SPLIT_TABLES.values()])
def test_a_question_to_a_view_uses_the_indexes_beneath(view: str, databases: str, encounters: pl.DataFrame) -> None:
    assert databases
    assert encounters.height
    question = f"SELECT * FROM {view} WHERE batch_number = 2"
    with using(CLEAN):
        if on_mysql(CLEAN):
            CLEAN.execute_sql("ANALYZE TABLE encounters, splits")
            plan = str(CLEAN.execute_sql(f"EXPLAIN FORMAT=TREE {question}").fetchall())
        else:
            plan = str(CLEAN.execute_sql(f"EXPLAIN QUERY PLAN {question}").fetchall())
    # Of two tables that are joined the smaller one may be read through, on MySQL.
    assert len(re.findall("Table scan|SCAN", plan)) <= (view in SPLIT_TABLES.values() and on_mysql(CLEAN)), plan
    assert re.search("encounters_batch|lookup on e using PRIMARY", plan), plan
    assert "Materialize" not in plan


def test_of_a_view_that_stands_only_the_newest_form_is_left(databases: str) -> None:
    assert databases
    with using(CLEAN):
        CLEAN.execute_sql("DROP VIEW diabetes_clean")
        CLEAN.execute_sql("CREATE VIEW diabetes_clean AS SELECT batch FROM encounters")
    migrate()
    assert "age_numeric" in columns(databases, "diabetes_clean")
