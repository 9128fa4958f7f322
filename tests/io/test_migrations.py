"""Tables come to what this code needs from wherever they stand, each migration once."""

from collections.abc import Callable
from pathlib import Path

import peewee as pw
import polars as pl
import pymysql
import pytest

from readmit.core.cleaning import CLEAN_SCHEMA
from readmit.core.encounter import COLUMNS, ENCOUNTER, OUTCOME, PATIENT
from readmit.core.errors import SchemaMismatch, StoreUnavailable
from readmit.core.suppression import FIELDS_COUNTED
from readmit.io.database import ledger, migrations, readmission_counts, rows
from readmit.io.database.connection import CLEAN, NAMES, RAW, login, using
from readmit.io.database.schema import migrate
from readmit.io.database.tables import TABLES
from readmit.settings import Settings

BEFORE = Path(__file__).with_name("before_migrations")
"""The tables as they were made before there were migrations, by database and kind of server."""


def applied(database: pw.DatabaseProxy) -> list[tuple[int, str]]:
    with using(database):
        return list(map(tuple, database.execute_sql("SELECT number, name FROM migrations ORDER BY number").fetchall()))


def shape() -> dict[str, list[str]]:
    """Name, type, nullness, default and key of every column that there is."""
    found = {}
    for name, database in NAMES.items():
        with using(database):
            for table in database.get_tables():
                found[f"{name}.{table}"] = sorted(str(column) for column in database.get_columns(table))
                found[f"{name}.{table} by"] = sorted(
                    str(i)[: i.name.find("x")] + str(i.columns) for i in database.get_indexes(table)
                )
    return found


def with_migrations(
    monkeypatch: pytest.MonkeyPatch, *more: Callable[[pw.DatabaseProxy, migrations.Tables], None]
) -> None:
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, *more))


def test_every_migration_is_noted_in_each_database(bare: str) -> None:
    assert bare
    migrate()
    expected = [(number, migration.__name__) for number, migration in enumerate(migrations.MIGRATIONS, start=1)]
    assert [applied(database) for database in NAMES.values()] == [expected] * len(NAMES)


def test_a_migration_is_carried_out_once_and_after_those_before_it(bare: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bare
    migrate()
    done: list[str] = []

    def widen(database: pw.DatabaseProxy, _: migrations.Tables) -> None:
        done.append(f"widen {migrations.name_of(database)}")

    def narrow(database: pw.DatabaseProxy, _: migrations.Tables) -> None:
        done.append(f"narrow {migrations.name_of(database)}")

    with_migrations(monkeypatch, widen, narrow)
    migrate()
    migrate()
    assert done == [f"{what} {name}" for name in NAMES for what in ("widen", "narrow")]


def test_a_database_that_is_newer_than_the_code_is_refused_by_the_name_of_what_is_unknown(bare: str) -> None:
    assert bare
    migrate()
    with using(CLEAN):
        CLEAN.execute_sql("INSERT INTO migrations VALUES (99, 'something_new', '2031-01-01 00:00:00')")
    with pytest.raises(SchemaMismatch, match=r"clean_data_db has had migration 99 \(something_new\)"):
        migrate()


def test_tables_from_before_there_were_migrations_are_adopted_with_their_rows(bare: str) -> None:
    migrate()
    expected = shape()
    _remove_all()
    kind = "mysql" if bare.startswith("mysql") else "sqlite"
    for name, database in NAMES.items():
        with using(database):
            for statement in (BEFORE / f"{name}.{kind}.sql").read_text().split(";\n"):
                if statement.strip():
                    database.execute_sql(statement)
    ledger.update_batch(1, rows=3)
    migrate()
    assert ledger.batch_row(1).rows == 3
    assert shape() == expected, (
        "what tables.py or core.encounter say is new has no migration yet: add one that brings it to tables that stand"
    )


def _remove_all() -> None:
    for database in NAMES.values():
        with using(database):
            for view in database.get_views():
                database.execute_sql(f"DROP VIEW {view.name}")
            for table in database.get_tables():
                database.execute_sql(f"DROP TABLE {table}")


def test_a_new_field_of_an_encounter_without_a_migration_is_refused_by_its_name(bare: str) -> None:
    assert bare
    migrate()
    with using(CLEAN):
        for view in CLEAN.get_views():
            CLEAN.execute_sql(f"DROP VIEW {view.name}")
        CLEAN.execute_sql(f"ALTER TABLE encounters DROP COLUMN {COLUMNS[5]}")
    missing = f"clean_data_db.encounters has no column {COLUMNS[5]}: migration {len(migrations.MIGRATIONS) + 1}"
    with pytest.raises(SchemaMismatch, match=missing):
        migrate()


def test_a_migration_that_a_crash_cut_in_half_is_begun_again(bare: str) -> None:
    assert bare
    migrate()
    expected = shape()
    with using(RAW):
        RAW.execute_sql("DELETE FROM migrations")
        RAW.execute_sql("DROP TABLE quarantine")
    migrate()
    assert shape() == expected


def test_on_sqlite_a_migration_that_fails_leaves_nothing(sqlite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sqlite
    expected = shape()

    def half(database: pw.DatabaseProxy, _: migrations.Tables) -> None:
        database.execute_sql("CREATE TABLE half (number INTEGER)")
        database.execute_sql("no SQL")

    with_migrations(monkeypatch, half)
    with pytest.raises(StoreUnavailable, match="syntax error"):
        migrate()
    assert shape() == expected


def test_two_migrators_at_once_do_no_harm(bare: str, at_once: Callable[[str, str], list[str]]) -> None:
    at_once(bare, "migrate()")
    assert set(applied(RAW)) == set(enumerate((migration.__name__ for migration in migrations.MIGRATIONS), start=1))
    assert rows.raw_rows(1).is_empty()


@pytest.mark.mysql
def test_on_mysql_a_migrator_waits_for_the_other_and_says_so_when_that_takes_too_long(
    mysql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "BUSY_SECONDS", 2)
    with pymysql.connect(**login(mysql)) as other, other.cursor() as cursor:
        cursor.execute("SELECT GET_LOCK('raw_data_db migrates', 1)")
        with pytest.raises(StoreUnavailable, match="another migration has been under way"):
            migrate()


def test_encounters_from_before_the_counts_are_counted_once(bare: str) -> None:
    assert bare
    migrate()
    counts = store_and_count()
    with using(CLEAN):
        CLEAN.execute_sql("DROP TABLE encounter_counts")
        CLEAN.execute_sql("DELETE FROM migrations WHERE name = 'counts_of_batches'")
    migrate()
    assert readmission_counts.readmissions(FIELDS_COUNTED, "any") == counts
    with using(CLEAN):
        CLEAN.execute_sql("DELETE FROM encounters")
    migrate()
    assert readmission_counts.readmissions(FIELDS_COUNTED, "any") == counts, "a migration is carried out once"


def test_a_count_that_a_crash_cut_in_half_is_begun_again(bare: str) -> None:
    assert bare
    migrate()
    counts = store_and_count()
    with using(CLEAN):
        CLEAN.execute_sql("DELETE FROM encounter_counts WHERE field = 'age'")
        CLEAN.execute_sql("DELETE FROM migrations WHERE name = 'counts_of_batches'")
    migrate()
    assert readmission_counts.readmissions(FIELDS_COUNTED, "any") == counts


def store_and_count() -> dict[str, list[tuple[str, int, int]]]:
    """Store two batches of clean encounters, and return their counts."""
    columns = {"age": ["[0-10)", "[0-10)", None], "diag_1": ["428", "410.1", "V57"], OUTCOME: ["<30", ">30", "NO"]}
    for batch in (1, 2):
        keys = [10 * batch + place for place in range(3)]
        told = {name: [None] * 3 for name in CLEAN_SCHEMA} | columns | {ENCOUNTER: keys, PATIENT: keys}
        rows.replace_clean(batch, pl.DataFrame(told, schema=CLEAN_SCHEMA))
    counts = readmission_counts.readmissions(FIELDS_COUNTED, "any")
    assert sorted(counts["diag_1"]) == [("7", 4, 4), ("V", 2, 0)]
    return counts


def test_on_new_databases_the_first_migration_leaves_nothing_to_do(bare: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bare
    with monkeypatch.context() as alone:
        alone.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:1])
        migrate()
    made = shape()
    migrate()
    assert shape() == made


@pytest.mark.mysql
def test_on_mysql_text_is_compared_exactly_whatever_the_database_was_made_for(bare_mysql: str) -> None:
    assert bare_mysql
    with using(RAW):
        RAW.execute_sql("ALTER DATABASE raw_data_db COLLATE utf8mb4_0900_ai_ci")
    migrate()
    with using(RAW):
        found = RAW.execute_sql(
            "SELECT DISTINCT collation_name FROM information_schema.columns "
            "WHERE table_schema = DATABASE() AND table_name <> 'migrations' AND collation_name IS NOT NULL"
        )
        assert found.fetchall() == (("utf8mb4_0900_bin",),)


def test_the_views_say_the_target_that_is_the_settings_default_unless_another_is_named() -> None:
    assert migrate.__defaults__ == (Settings.model_fields["target"].default,)


def test_every_table_stands_once_in_the_list() -> None:
    assert len({(table._meta.database, table._meta.table_name) for table in TABLES}) == len(TABLES)
