"""What was done to the tables of a database, each once, in order, and noted in its table `migrations`.

A migration looks before it acts. MySQL commits every change of a table by itself, so that one which a crash cut in
half is begun again; and on an empty database the first one makes all tables as they are by now, so that those after
it find nothing to do.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import peewee as pw

from readmit.core.errors import SchemaMismatch, StoreUnavailable
from readmit.io.database.connection import BUSY_SECONDS, COLLATION, name_of, now, on_mysql, using
from readmit.io.database.readmission_counts import count_all_batches
from readmit.io.database.tables import EncounterCount

LOOK_AGAIN_SECONDS = 0.05
Tables = Sequence[type[pw.Model]]


def tables(database: pw.DatabaseProxy, models: Tables) -> None:
    """All tables that are not there yet."""
    if on_mysql(database):
        database.execute_sql(f"ALTER DATABASE `{name_of(database)}` COLLATE {COLLATION}")
    for model in models:
        model.create_table(safe=True)


def mysql_as_sqlite(database: pw.DatabaseProxy, models: Tables) -> None:
    """On MySQL texts were 64 KB at most, times whole seconds, and how text is compared was the server's affair."""
    for model in models if on_mysql(database) else ():
        table = model._meta.table_name
        narrow = database.execute_sql(
            "SELECT column_name, IF(data_type = 'text', 'LONGTEXT', 'DATETIME(6)'), "
            "IF(is_nullable = 'YES', '', 'NOT NULL') FROM information_schema.columns "
            "WHERE table_schema = DATABASE() AND table_name = %s "
            "AND (data_type = 'text' OR data_type = 'datetime' AND datetime_precision = 0)",
            (table,),
        ).fetchall()
        if narrow:
            wider = ", ".join(f"MODIFY `{column}` {kind} {null}" for column, kind, null in narrow)
            database.execute_sql(f"ALTER TABLE `{table}` CONVERT TO CHARACTER SET utf8mb4 COLLATE {COLLATION}, {wider}")


def counts_of_batches(database: pw.DatabaseProxy, models: Tables) -> None:
    """Count the clean encounters that are stored already; from here on each batch brings its counts along."""
    if EncounterCount in models:
        EncounterCount.create_table(safe=True)
        with database.atomic():
            count_all_batches()


MIGRATIONS: tuple[Callable[[pw.DatabaseProxy, Tables], None], ...] = (tables, mysql_as_sqlite, counts_of_batches)
"""A migration's number is its place here, from 1: none is ever taken out or put before another."""


@contextmanager
def migrating(database: pw.DatabaseProxy) -> Iterator[None]:
    """An open connection to a database that nobody else migrates meanwhile; on SQLite also all of it or nothing.

    StoreAway: somebody else does, and is not done within a minute.
    """
    with using(database):
        if not on_mysql(database):
            _write_ahead(database)
            with database.atomic():
                yield
            return
        # It is held until the connection is closed, also where a crash closes it.
        seconds = BUSY_SECONDS // 2
        (got,) = database.execute_sql("SELECT GET_LOCK(%s, %s)", (f"{name_of(database)} migrates", seconds)).fetchone()
        if got != 1:
            raise StoreUnavailable(f"{name_of(database)}: another migration has been under way for {seconds} s")
        yield


def _write_ahead(database: pw.DatabaseProxy) -> None:
    """So that readers and a writer do not wait for each other. It stays with the file.

    SQLite waits for no lock here, however long it may wait elsewhere (sqlite.org/wal.html, section 3).
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            database.execute_sql("PRAGMA journal_mode = wal")
            return
        except pw.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(LOOK_AGAIN_SECONDS)


def bring_up_to_date(database: pw.DatabaseProxy, models: Tables) -> None:
    """Carries out the migrations that a database has not had, while `migrating`.

    TablesUnfit: it is newer than this code, or a table lacks columns that no migration adds.
    """
    database.execute_sql(
        "CREATE TABLE IF NOT EXISTS migrations "
        "(number INTEGER NOT NULL PRIMARY KEY, name VARCHAR(64) NOT NULL, applied_at DATETIME NOT NULL)"
    )
    applied = dict(database.execute_sql("SELECT number, name FROM migrations").fetchall())
    _refuse_newer(database, applied)
    marks = ", ".join([database.param] * 3)
    for number, migration in enumerate(MIGRATIONS, start=1):
        if number not in applied:
            migration(database, models)
            noted = (number, migration.__name__, now().isoformat(" ", "seconds"))
            database.execute_sql(f"INSERT INTO migrations VALUES ({marks})", noted)
    _refuse_lacking(database, models)


def _refuse_newer(database: pw.DatabaseProxy, applied: dict[int, str]) -> None:
    if newer := [f"{number} ({applied[number]})" for number in sorted(applied) if number > len(MIGRATIONS)]:
        raise SchemaMismatch(
            f"{name_of(database)} has had migration {', '.join(newer)}, and this version of Readmit knows them up to "
            f"{len(MIGRATIONS)}: a newer one made it, and only that or a newer one may use it"
        )


def _refuse_lacking(database: pw.DatabaseProxy, models: Tables) -> None:
    for model in models:
        there = {column.name for column in database.get_columns(model._meta.table_name)}
        if lacking := [name for name in model._meta.columns if name not in there]:
            raise SchemaMismatch(
                f"{name_of(database)}.{model._meta.table_name} has no column {', '.join(lacking)}: "
                f"migration {len(MIGRATIONS) + 1}, which adds it, is missing in {__name__}"
            )
