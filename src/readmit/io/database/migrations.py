"""Schema migrations of a database: each is applied once, in order, and recorded in its table `migrations`.

A migration is idempotent: MySQL commits every change of a table by itself, so one that a crash interrupted is started
again. On an empty database the first one creates all tables in their current form, so that the others have nothing to
do.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import peewee as pw

from readmit.core.errors import SchemaMismatch, StoreUnavailable
from readmit.core.tabular.table_header import ROW_ERROR
from readmit.io.database.connection import BUSY_TIMEOUT_SECONDS, COLLATION, database_name, is_mysql, now, using
from readmit.io.database.readmission_counts import count_all_batches
from readmit.io.database.tables import (
    EncounterCount,
    Promotion,
    ProspectiveResult,
    RawEncounter,
    SetAside,
    ValidEncounter,
)

POLL_SECONDS = 0.05
Tables = Sequence[type[pw.Model]]


def tables(database: pw.DatabaseProxy, models: Tables) -> None:
    """Create the tables that do not exist yet."""
    if is_mysql(database):
        database.execute_sql(f"ALTER DATABASE `{database_name(database)}` COLLATE {COLLATION}")
    for model in models:
        model.create_table(safe=True)


def mysql_as_sqlite(database: pw.DatabaseProxy, models: Tables) -> None:
    """Widen text (64 KB) and time (whole seconds) columns on MySQL, and set the collation instead of the server's."""
    for model in models if is_mysql(database) else ():
        table = model._meta.table_name
        columns = database.execute_sql(
            "SELECT column_name, IF(data_type = 'text', 'LONGTEXT', 'DATETIME(6)'), "
            "IF(is_nullable = 'YES', '', 'NOT NULL') FROM information_schema.columns "
            "WHERE table_schema = DATABASE() AND table_name = %s "
            "AND (data_type = 'text' OR data_type = 'datetime' AND datetime_precision = 0)",
            (table,),
        ).fetchall()
        if columns:
            changes = ", ".join(f"MODIFY `{column}` {kind} {null}" for column, kind, null in columns)
            database.execute_sql(
                f"ALTER TABLE `{table}` CONVERT TO CHARACTER SET utf8mb4 COLLATE {COLLATION}, {changes}"
            )


def counts_of_batches(database: pw.DatabaseProxy, models: Tables) -> None:
    """Count the clean encounters that are stored already; later batches are counted as they are stored."""
    if EncounterCount in models:
        EncounterCount.create_table(safe=True)
        with database.atomic():
            count_all_batches()


def batches_set_aside(database: pw.DatabaseProxy, models: Tables) -> None:  # noqa: ARG001 - all have the same parameters
    """Add the table of the batches that operators have set aside."""
    if SetAside in models:
        SetAside.create_table(safe=True)


def row_errors(database: pw.DatabaseProxy, models: Tables) -> None:
    """Add the column of raw encounters with what is wrong with a row as a whole."""
    if RawEncounter in models:
        _add_text_column(database, RawEncounter, ROW_ERROR)


def numbers_of_valid_encounters(database: pw.DatabaseProxy, models: Tables) -> None:
    """List the valid encounters of the batches that are cleaned already; later batches list theirs as they are."""
    if ValidEncounter not in models:
        return
    ValidEncounter.create_table(safe=True)
    table, kind, is_number = ValidEncounter._meta.table_name, "INTEGER", "NOT GLOB '*[^0-9]*'"
    if is_mysql(database):
        kind, is_number = "SIGNED", "NOT REGEXP '[^0-9]'"
    with database.atomic():
        database.execute_sql(f"DELETE FROM {table}")
        # Of a batch that was stored again and not yet cleaned again, the quarantine is that of its earlier rows.
        database.execute_sql(
            f"INSERT INTO {table} (encounter_id, batch) SELECT DISTINCT CAST(e.encounter_id AS {kind}), e.batch "
            "FROM encounters e JOIN batches b ON b.batch = e.batch AND b.clean IS NOT NULL "
            "LEFT JOIN quarantine q ON q.batch = e.batch AND q.position = e.position "
            f"WHERE q.batch IS NULL AND e.encounter_id {is_number} AND LENGTH(e.encounter_id) BETWEEN 1 AND 15"
        )


def facts_of_cards(database: pw.DatabaseProxy, models: Tables) -> None:
    """Add the column of promotions with the facts of a version's card."""
    if Promotion in models:
        _add_text_column(database, Promotion, "card")


def _add_text_column(database: pw.DatabaseProxy, model: type[pw.Model], name: str) -> None:
    table = model._meta.table_name
    if name not in {column.name for column in database.get_columns(table)}:
        kind = "LONGTEXT" if is_mysql(database) else "TEXT"
        database.execute_sql(f"ALTER TABLE {table} ADD COLUMN {name} {kind} NULL")


def prospective_evaluations(database: pw.DatabaseProxy, models: Tables) -> None:
    """Add the table of the evaluations on later batches; those of earlier days are made by the next training."""
    if ProspectiveResult in models:
        ProspectiveResult.create_table(safe=True)
        mysql_as_sqlite(database, [ProspectiveResult])


MIGRATIONS: tuple[Callable[[pw.DatabaseProxy, Tables], None], ...] = (
    *(tables, mysql_as_sqlite, counts_of_batches),
    *(batches_set_aside, row_errors, numbers_of_valid_encounters),
    *(facts_of_cards, prospective_evaluations),
)
"""A migration's number is its position here, from 1: never remove or reorder one, nor rename its function."""


@contextmanager
def migration_lock(database: pw.DatabaseProxy) -> Iterator[None]:
    """Open a connection to a database with an exclusive migration lock; on SQLite also in one transaction.

    Raises StoreUnavailable when another migration does not finish in time.
    """
    with using(database):
        if not is_mysql(database):
            _enable_wal(database)
            with database.atomic():
                yield
            return
        # MySQL holds the lock until the connection is closed, even by a crash.
        seconds = BUSY_TIMEOUT_SECONDS // 2
        (acquired,) = database.execute_sql(
            "SELECT GET_LOCK(%s, %s)", (f"{database_name(database)} migrates", seconds)
        ).fetchone()
        if acquired != 1:
            raise StoreUnavailable(f"{database_name(database)}: another migration has been running for {seconds} s")
        yield


def _enable_wal(database: pw.DatabaseProxy) -> None:
    """Set the journal mode WAL, which the file stores: readers and a writer then do not block each other.

    SQLite ignores its busy timeout here (sqlite.org/wal.html, section 3).
    """
    deadline = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            database.execute_sql("PRAGMA journal_mode = wal")
            return
        except pw.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)


def apply_migrations(database: pw.DatabaseProxy, models: Tables) -> None:
    """Apply the pending migrations of a database; call it under `migration_lock`.

    Raises SchemaMismatch when the database is newer than this code, or a table lacks columns that no migration adds.
    """
    database.execute_sql(
        "CREATE TABLE IF NOT EXISTS migrations "
        "(number INTEGER NOT NULL PRIMARY KEY, name VARCHAR(64) NOT NULL, applied_at DATETIME NOT NULL)"
    )
    applied = dict(database.execute_sql("SELECT number, name FROM migrations").fetchall())
    _reject_newer(database, applied)
    placeholders = ", ".join([database.param] * 3)
    for number, migration in enumerate(MIGRATIONS, start=1):
        if number not in applied:
            migration(database, models)
            record = (number, migration.__name__, now().isoformat(" ", "seconds"))
            database.execute_sql(f"INSERT INTO migrations VALUES ({placeholders})", record)
    _reject_missing_columns(database, models)


def _reject_newer(database: pw.DatabaseProxy, applied: dict[int, str]) -> None:
    if newer := [f"{number} ({applied[number]})" for number in sorted(applied) if number > len(MIGRATIONS)]:
        raise SchemaMismatch(
            f"{database_name(database)} has migration {', '.join(newer)}, but this release of Readmit knows only "
            f"migrations up to {len(MIGRATIONS)}: use the release that created the schema, or a newer one"
        )


def _reject_missing_columns(database: pw.DatabaseProxy, models: Tables) -> None:
    for model in models:
        existing = {column.name for column in database.get_columns(model._meta.table_name)}
        if missing := [name for name in model._meta.columns if name not in existing]:
            raise SchemaMismatch(
                f"{database_name(database)}.{model._meta.table_name} has no column {', '.join(missing)}: "
                f"migration {len(MIGRATIONS) + 1}, which adds it, is missing in {__name__}"
            )
