"""The views serve queries written for the tables of the original project."""

import re

import polars as pl
import pytest

from ec2_api.sample import write_sample
from readmit.core.cleaning import clean, to_text_columns
from readmit.core.encounter import COLUMNS, ENCOUNTER, OUTCOME, TARGETS, labels
from readmit.core.legacy_columns import SPLIT_TABLES, derived_columns, original_name
from readmit.core.splitting import SPLIT, with_split
from readmit.io.database import rows
from readmit.io.database.connection import CLEAN, is_mysql, using
from readmit.io.database.schema import migrate
from readmit.io.database.sql_query import execute_query

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
    stored, offset = [], 0
    for batch, size in BATCHES.items():
        raw = to_text_columns(source.slice(offset, size))
        split_rows = with_split(clean(raw, ()).clean)
        rows.replace_raw(batch, raw)
        rows.replace_clean(batch, split_rows.drop(SPLIT))
        rows.replace_splits(batch, split_rows.select(ENCOUNTER, SPLIT))
        stored.append(split_rows.with_columns(batch=pl.lit(batch)))
        offset += size
    return pl.concat(stored)


def fetch_all(address: str, query: str) -> list[tuple[object, ...]]:
    with execute_query(address, query) as result:
        return list(result.rows)


def columns(address: str, view: str) -> list[str]:
    with execute_query(address, f"SELECT * FROM {view} LIMIT 1") as result:
        return list(result.columns)


def test_diabetes_raw_counts_the_encounters_of_each_batch(databases: str, encounters: pl.DataFrame) -> None:
    assert encounters.height
    query = "SELECT batch_number, COUNT(*) FROM diabetes_raw GROUP BY batch_number ORDER BY batch_number"
    assert fetch_all(databases, query) == list(BATCHES.items())


def test_diabetes_clean_gives_the_readmission_rate_by_age(databases: str, encounters: pl.DataFrame) -> None:
    query = "SELECT age_numeric, AVG(readmitted) FROM diabetes_clean GROUP BY age_numeric"
    result = {age: float(str(rate)) for age, rate in fetch_all(databases, query)}
    middle = pl.col("age").str.extract(r"\[(\d+)-").cast(pl.Int64) + 5
    rates = encounters.group_by(middle).agg((pl.col(OUTCOME) == "<30").mean())
    assert result == pytest.approx(dict(rates.iter_rows()), abs=1e-4)


@pytest.mark.parametrize(("split", "view"), SPLIT_TABLES.items())
def test_the_views_of_the_splits_count_encounters_and_readmissions(
    split: str, view: str, databases: str, encounters: pl.DataFrame
) -> None:
    expected = encounters.filter(pl.col(SPLIT) == split)
    result = fetch_all(databases, f"SELECT COUNT(*), SUM(readmitted) FROM {view}")
    assert [tuple(map(int, map(str, row))) for row in result] == [(expected.height, (expected[OUTCOME] == "<30").sum())]


@pytest.mark.parametrize("target", TARGETS)
def test_readmitted_is_the_label_of_the_target_in_the_column_target(
    target: str, databases: str, encounters: pl.DataFrame
) -> None:
    migrate(target)
    result = fetch_all(databases, "SELECT readmitted_as_recorded, readmitted, target FROM diabetes_clean")
    assert len(result) == encounters.height
    assert {str(outcome) for outcome, _, _ in result} == {"NO", ">30", "<30"}
    assert [label for _, label, _ in result] == labels([str(outcome) for outcome, _, _ in result], target)
    assert {name for *_, name in result} == {target}


def test_every_derived_number_is_that_of_the_recorded_value(databases: str, encounters: pl.DataFrame) -> None:
    for column in derived_columns(TARGET):
        original = "readmitted_as_recorded" if column.column == OUTCOME else original_name(column.column)
        result = fetch_all(databases, f"SELECT DISTINCT {original}, {column.name} FROM diabetes_clean")
        values = encounters[column.column].unique().to_list()
        assert dict(result) == {value: column.numbers.get(value) for value in values}, column.name


def test_the_ids_have_the_originals_names_too(databases: str, encounters: pl.DataFrame) -> None:
    names = "admission_type", "discharge_disposition", "admission_source"
    query = f"SELECT {', '.join(names)}, COUNT(*) FROM diabetes_clean GROUP BY {', '.join(names)}"
    counts = encounters.group_by([f"{name}_id" for name in names]).len()
    assert sorted(fetch_all(databases, query)) == sorted(counts.rows())


def test_the_views_have_the_originals_columns(databases: str, encounters: pl.DataFrame) -> None:
    assert encounters.height
    renamed = ["change_medication" if name == "change" else name for name in COLUMNS]
    assert columns(databases, "diabetes_raw") == ["id", "batch_number", "created_at", *renamed]
    clean_columns = columns(databases, "diabetes_clean")
    derived = {"age_numeric", "age_group", "gender_encoded", "race_encoded", "diabetesMed_yes", "metformin_yes"}
    assert {"batch_number", "created_at", *derived, *renamed} <= set(clean_columns)
    assert all(columns(databases, view) == clean_columns for view in SPLIT_TABLES.values())


def test_the_id_of_a_raw_row_is_unique_and_stays_when_the_batch_is_stored_again(
    databases: str, encounters: pl.DataFrame, source: pl.DataFrame
) -> None:
    assert encounters.height
    query = "SELECT id, encounter_id FROM diabetes_raw ORDER BY id"
    before = fetch_all(databases, query)
    rows.replace_raw(1, to_text_columns(source.slice(0, BATCHES[1])))
    assert fetch_all(databases, query) == before
    assert len({number for number, _ in before}) == sum(BATCHES.values())


@pytest.mark.parametrize("view", ["diabetes_clean", *SPLIT_TABLES.values()])
def test_a_query_of_a_view_uses_the_indexes_of_the_tables(view: str, databases: str, encounters: pl.DataFrame) -> None:
    assert databases
    assert encounters.height
    query = f"SELECT * FROM {view} WHERE batch_number = 2"
    with using(CLEAN):
        if is_mysql(CLEAN):
            CLEAN.execute_sql("ANALYZE TABLE encounters, splits")
            plan = str(CLEAN.execute_sql(f"EXPLAIN FORMAT=TREE {query}").fetchall())
        else:
            plan = str(CLEAN.execute_sql(f"EXPLAIN QUERY PLAN {query}").fetchall())
    # MySQL may scan the smaller one of two joined tables.
    assert len(re.findall("Table scan|SCAN", plan)) <= (view in SPLIT_TABLES.values() and is_mysql(CLEAN)), plan
    assert re.search("encounters_batch|lookup on e using PRIMARY", plan), plan
    assert "Materialize" not in plan


def test_an_existing_view_is_replaced(databases: str) -> None:
    assert databases
    with using(CLEAN):
        CLEAN.execute_sql("DROP VIEW diabetes_clean")
        CLEAN.execute_sql("CREATE VIEW diabetes_clean AS SELECT batch FROM encounters")
    migrate()
    assert "age_numeric" in columns(databases, "diabetes_clean")
