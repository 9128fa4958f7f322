"""Migrations bring tables of any state to the current schema, each applied once."""

from collections.abc import Callable
from pathlib import Path

import peewee as pw
import polars as pl
import pymysql
import pytest

from readmit.core.cleaning import CLEAN_SCHEMA, FAULTS_SCHEMA
from readmit.core.encounter import COLUMNS, ENCOUNTER, OUTCOME, PATIENT
from readmit.core.errors import SchemaMismatch, StoreUnavailable
from readmit.core.suppression import FIELDS_COUNTED
from readmit.io.database import ledger, migrations, promotions, readmission_counts, rows
from readmit.io.database.connection import CLEAN, NAMES, PREDICTIONS, RAW, mysql_options, using
from readmit.io.database.schema import migrate
from readmit.io.database.tables import TABLES
from readmit.settings import Settings

BEFORE = Path(__file__).with_name("before_migrations")
"""The tables as created before there were migrations, by database and kind of server."""


def applied(database: pw.DatabaseProxy) -> list[tuple[int, str]]:
    with using(database):
        return list(map(tuple, database.execute_sql("SELECT number, name FROM migrations ORDER BY number").fetchall()))


def schema() -> dict[str, list[str]]:
    """Name, type, nullability, default and key of every column, and the indexes."""
    columns_and_indexes = {}
    for name, database in NAMES.items():
        with using(database):
            for table in database.get_tables():
                columns_and_indexes[f"{name}.{table}"] = sorted(str(column) for column in database.get_columns(table))
                columns_and_indexes[f"{name}.{table} by"] = sorted(
                    str(index)[: index.name.find("x")] + str(index.columns) for index in database.get_indexes(table)
                )
    return columns_and_indexes


def with_migrations(
    monkeypatch: pytest.MonkeyPatch, *more: Callable[[pw.DatabaseProxy, migrations.Tables], None]
) -> None:
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, *more))


def test_every_migration_is_recorded_in_each_database(bare: str) -> None:
    assert bare
    migrate()
    expected = [(number, migration.__name__) for number, migration in enumerate(migrations.MIGRATIONS, start=1)]
    assert [applied(database) for database in NAMES.values()] == [expected] * len(NAMES)


def test_a_migration_is_applied_once_and_after_the_earlier_ones(bare: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bare
    migrate()
    calls: list[str] = []

    def widen(database: pw.DatabaseProxy, _: migrations.Tables) -> None:
        calls.append(f"widen {migrations.database_name(database)}")

    def narrow(database: pw.DatabaseProxy, _: migrations.Tables) -> None:
        calls.append(f"narrow {migrations.database_name(database)}")

    with_migrations(monkeypatch, widen, narrow)
    migrate()
    migrate()
    assert calls == [f"{change} {name}" for name in NAMES for change in ("widen", "narrow")]


def test_a_database_that_is_newer_than_the_code_is_rejected_with_the_name_of_the_unknown_migration(bare: str) -> None:
    assert bare
    migrate()
    with using(CLEAN):
        CLEAN.execute_sql("INSERT INTO migrations VALUES (99, 'something_new', '2031-01-01 00:00:00')")
    with pytest.raises(SchemaMismatch, match=r"clean_data_db has migration 99 \(something_new\)"):
        migrate()


def test_tables_from_before_there_were_migrations_are_adopted_with_their_rows(bare: str) -> None:
    migrate()
    expected = schema()
    _remove_all()
    kind = "mysql" if bare.startswith("mysql") else "sqlite"
    for name, database in NAMES.items():
        with using(database):
            for statement in (BEFORE / f"{name}.{kind}.sql").read_text().split(";\n"):
                if statement.strip():
                    database.execute_sql(statement)
    ledger.update_batch(1, rows=3)
    migrate()
    assert ledger.get_batch(1).rows == 3
    assert schema() == expected, (
        "a change of tables.py or core.encounter has no migration yet: add one that changes existing tables"
    )


def test_a_verdict_from_before_there_were_cards_keeps_its_row_and_gets_no_facts(sqlite: str) -> None:
    assert sqlite
    with using(PREDICTIONS):
        PREDICTIONS.execute_sql("ALTER TABLE promotions DROP COLUMN card")
        PREDICTIONS.execute_sql("DELETE FROM migrations WHERE name = 'facts_of_cards'")
        PREDICTIONS.execute_sql("INSERT INTO promotions VALUES (4, 1, 'any', 1, '{}', '2026-11-01 00:00:00', NULL)")
    migrate()
    assert promotions.get_target("4") == "any"
    assert promotions.get_training_facts("4") is None


def _remove_all() -> None:
    for database in NAMES.values():
        with using(database):
            for view in database.get_views():
                database.execute_sql(f"DROP VIEW {view.name}")
            for table in database.get_tables():
                database.execute_sql(f"DROP TABLE {table}")


def test_a_new_field_of_an_encounter_without_a_migration_is_rejected_with_its_name(bare: str) -> None:
    assert bare
    migrate()
    with using(CLEAN):
        for view in CLEAN.get_views():
            CLEAN.execute_sql(f"DROP VIEW {view.name}")
        CLEAN.execute_sql(f"ALTER TABLE encounters DROP COLUMN {COLUMNS[5]}")
    missing = f"clean_data_db.encounters has no column {COLUMNS[5]}: migration {len(migrations.MIGRATIONS) + 1}"
    with pytest.raises(SchemaMismatch, match=missing):
        migrate()


def test_a_migration_that_a_crash_interrupted_is_started_again(bare: str) -> None:
    assert bare
    migrate()
    expected = schema()
    with using(RAW):
        RAW.execute_sql("DELETE FROM migrations")
        RAW.execute_sql("DROP TABLE quarantine")
    migrate()
    assert schema() == expected


def test_on_sqlite_a_failed_migration_is_rolled_back(sqlite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sqlite
    expected = schema()

    def half(database: pw.DatabaseProxy, _: migrations.Tables) -> None:
        database.execute_sql("CREATE TABLE half (number INTEGER)")
        database.execute_sql("no SQL")

    with_migrations(monkeypatch, half)
    with pytest.raises(StoreUnavailable, match="syntax error"):
        migrate()
    assert schema() == expected


def test_two_migrations_may_run_at_the_same_time(bare: str, at_once: Callable[[str, str], list[str]]) -> None:
    at_once(bare, "migrate()")
    assert set(applied(RAW)) == set(enumerate((migration.__name__ for migration in migrations.MIGRATIONS), start=1))
    assert rows.raw_rows(1).is_empty()


@pytest.mark.mysql
def test_on_mysql_a_migration_waits_for_another_and_reports_when_that_takes_too_long(
    mysql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "BUSY_TIMEOUT_SECONDS", 2)
    with pymysql.connect(**mysql_options(mysql)) as other, other.cursor() as cursor:
        cursor.execute("SELECT GET_LOCK('raw_data_db migrates', 1)")
        with pytest.raises(StoreUnavailable, match="another migration has been running"):
            migrate()


def test_encounters_stored_before_the_counts_are_counted_once(bare: str) -> None:
    assert bare
    migrate()
    counts = store_and_count()
    with using(CLEAN):
        CLEAN.execute_sql("DROP TABLE encounter_counts")
        CLEAN.execute_sql("DELETE FROM migrations WHERE name = 'counts_of_batches'")
    migrate()
    assert readmission_counts.query_readmissions(FIELDS_COUNTED, "any") == counts
    with using(CLEAN):
        CLEAN.execute_sql("DELETE FROM encounters")
    migrate()
    assert readmission_counts.query_readmissions(FIELDS_COUNTED, "any") == counts, "a migration is applied once"


def test_a_count_that_a_crash_interrupted_is_started_again(bare: str) -> None:
    assert bare
    migrate()
    counts = store_and_count()
    with using(CLEAN):
        CLEAN.execute_sql("DELETE FROM encounter_counts WHERE field = 'age'")
        CLEAN.execute_sql("DELETE FROM migrations WHERE name = 'counts_of_batches'")
    migrate()
    assert readmission_counts.query_readmissions(FIELDS_COUNTED, "any") == counts


def store_and_count() -> dict[str, list[tuple[str, int, int]]]:
    """Store two batches of clean encounters, and return their counts."""
    columns = {"age": ["[0-10)", "[0-10)", None], "diag_1": ["428", "410.1", "V57"], OUTCOME: ["<30", ">30", "NO"]}
    for batch in (1, 2):
        keys = [10 * batch + index for index in range(3)]
        encounters = {name: [None] * 3 for name in CLEAN_SCHEMA} | columns | {ENCOUNTER: keys, PATIENT: keys}
        rows.replace_clean(batch, pl.DataFrame(encounters, schema=CLEAN_SCHEMA))
    counts = readmission_counts.query_readmissions(FIELDS_COUNTED, "any")
    assert sorted(counts["diag_1"]) == [("7", 4, 4), ("V", 2, 0)]
    return counts


def test_valid_encounters_stored_before_their_numbers_are_listed(bare: str) -> None:
    assert bare
    migrate()
    numbers = ["11", "0012", "13", "abc", "", None, "1" * 16]
    raw = {"position": range(1, 8)} | {name: ["?"] * 7 for name in COLUMNS} | {ENCOUNTER: numbers}
    for batch in (1, 2):
        rows.replace_raw(batch, pl.DataFrame(raw))
    fault = {"position": [3], ENCOUNTER: ["13"], "field": ["age"], "reason": ["old"]}
    rows.replace_quarantine(1, pl.DataFrame(fault, schema=FAULTS_SCHEMA))
    ledger.update_batch(1, clean=2)
    with using(RAW):
        RAW.execute_sql("DROP TABLE valid_encounters")
        RAW.execute_sql("DELETE FROM migrations WHERE name = 'numbers_of_valid_encounters'")
    migrate()
    assert rows.known_encounters(2, [0, 11, 12, 13]) == {11, 12}
    assert rows.known_encounters(3, [0, 11, 12, 13]) == {11, 12}, "batch 2 was not cleaned"


def test_on_new_databases_the_first_migration_creates_the_whole_schema(
    bare: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bare
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:1])
        migrate()
    created = schema()
    migrate()
    assert schema() == created


@pytest.mark.mysql
def test_on_mysql_text_is_compared_exactly_whatever_the_collation_of_the_database(bare_mysql: str) -> None:
    assert bare_mysql
    with using(RAW):
        RAW.execute_sql("ALTER DATABASE raw_data_db COLLATE utf8mb4_0900_ai_ci")
    migrate()
    with using(RAW):
        collations = RAW.execute_sql(
            "SELECT DISTINCT collation_name FROM information_schema.columns "
            "WHERE table_schema = DATABASE() AND table_name <> 'migrations' AND collation_name IS NOT NULL"
        )
        assert collations.fetchall() == (("utf8mb4_0900_bin",),)


def test_the_default_target_of_the_views_is_that_of_the_settings() -> None:
    assert migrate.__defaults__ == (Settings.model_fields["target"].default,)


def test_every_table_is_listed_once() -> None:
    assert len({(table._meta.database, table._meta.table_name) for table in TABLES}) == len(TABLES)
