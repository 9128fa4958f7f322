"""Ad hoc SQL queries over the three databases: read-only, whatever the user's rights.

A query is limited to one minute, its rows are streamed, and it can't write files. On MySQL its temporary files are
limited by the server's /tmp.
"""

import math
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from threading import Event, Timer

import pymysql
from pymysql.constants import CR, ER
from pymysql.cursors import SSCursor

from readmit.core.errors import QueryRejected, StoreUnavailable
from readmit.io.database.connection import BUSY_TIMEOUT_SECONDS, mysql_options, sqlite_file, tls_advice

SEARCH_ORDER = ("clean_data_db", "raw_data_db", "predictions_db")
"""The order in which databases are searched for a table named without its database."""
TIMEOUT_SECONDS = 60.0
READ_ONLY = "SET time_zone = '+00:00', transaction_read_only = ON"
GRACE_SECONDS = 10.0
"""How long to wait after the timeout for the server to end the query."""
READ_ACTIONS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE}
READ_PRAGMAS = {
    *("table_list", "table_info", "table_xinfo", "index_list", "index_info", "foreign_key_list", "database_list"),
}
MAX_CELL_BYTES, MAX_PATTERN_BYTES = 1_000_000, 1_000
"""Limits on values: SQLite can't interrupt a function while it processes one value."""
PROGRESS_INTERVAL = 10_000
EE_WRITE = 3
"""MySQL's error number for a temporary file that can't be written (include/my_sys.h)."""
OUT_OF_SPACE = {EE_WRITE, ER.DISK_FULL, ER.RECORD_FILE_FULL}
CONNECTION_LOST = {CR.CR_SERVER_GONE_ERROR, CR.CR_SERVER_LOST}


@dataclass(frozen=True, slots=True)
class SqlResult:
    """The result of a query. `rows` are fetched while they are iterated, each as long as `columns`."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[object, ...]]


@contextmanager
def execute_query(address: str, query: str, seconds: float = TIMEOUT_SECONDS) -> Iterator[SqlResult]:
    """Execute one statement, all rows of which have to be read within `seconds`.

    Raises QueryRejected when the database rejects it, or it takes too long or too much space for temporary files,
    StoreUnavailable when the database can't be reached or ends during the query.
    """
    execute = _query_sqlite if address.startswith("sqlite:") else _query_mysql
    try:
        with execute(address, query, seconds) as cursor:
            yield SqlResult(tuple(column[0] for column in cursor.description or ()), iter(cursor))
    except _Timeout as error:
        raise QueryRejected(f"the query was stopped after {seconds:g} seconds: narrow it down") from error
    except (sqlite3.Error, sqlite3.Warning, pymysql.MySQLError) as error:
        raise _classify(error) from error


def _classify(error: Exception) -> QueryRejected | StoreUnavailable:
    """Return the error to raise for one of the database's."""
    number, message = error.args[0], error.args[-1]
    if number in CONNECTION_LOST:
        return StoreUnavailable(f"MySQL: {message}")
    if number in OUT_OF_SPACE:
        return QueryRejected(
            f"the query needs more space for temporary files than MySQL has: narrow it down ({message})"
        )
    return QueryRejected(f"the database rejected the query: {message}")


class _Timeout(Exception):
    """The database ended the query because its time was over."""


@contextmanager
def _query_sqlite(address: str, query: str, seconds: float) -> Iterator[sqlite3.Cursor]:
    with closing(sqlite3.connect("file::memory:", uri=True, timeout=BUSY_TIMEOUT_SECONDS)) as connection:
        for name in SEARCH_ORDER:
            try:
                connection.execute(f"ATTACH ? AS {name}", (f"{sqlite_file(address, name).as_uri()}?mode=ro",))
            except sqlite3.Error as error:
                raise StoreUnavailable(f"{name}: {error}") from error
        connection.execute("PRAGMA query_only = ON")
        _limit(connection, seconds)
        try:
            yield connection.execute(query)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                raise _Timeout from error
            raise


def _limit(connection: sqlite3.Connection, seconds: float) -> None:
    """Restrict the connection to reading, which excludes ATTACH and VACUUM INTO, and to `seconds` from now."""
    deadline = time.monotonic() + seconds
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_CELL_BYTES)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, MAX_PATTERN_BYTES)
    connection.set_progress_handler(lambda: time.monotonic() > deadline, PROGRESS_INTERVAL)
    connection.set_authorizer(_authorize)


def _authorize(action: int, first: str | None, second: str | None, database: str | None, _: str | None) -> int:
    """Decide on an action for SQLite: `first` is the name of a pragma, `second` that of a function."""
    # A table-valued function is declared this way. A real change of `main`, which is empty, is rejected later.
    declares_function = action == sqlite3.SQLITE_UPDATE and (first, database) == ("sqlite_master", "main")
    allowed = (
        action in READ_ACTIONS
        or declares_function
        or (action == sqlite3.SQLITE_FUNCTION and second != "load_extension")
        or (action == sqlite3.SQLITE_PRAGMA and first in READ_PRAGMAS)
    )
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


@contextmanager
def _query_mysql(address: str, query: str, seconds: float) -> Iterator[SSCursor]:
    with (
        closing(_connection(address, seconds)) as connection,
        _kill_after(seconds, address, connection.thread_id()),  # type: ignore[no-untyped-call]  # untyped in its stubs
    ):
        cursor = connection.cursor()
        try:
            _execute(cursor, query)
            yield cursor
        finally:
            _discard_rows(cursor)


def _discard_rows(cursor: SSCursor) -> None:
    """Leave the rest of the result unread; the server stops sending it when the connection is closed.

    PyMySQL would read it to the end when the cursor is closed or deleted, even from a lost connection.
    """
    result = cursor._result  # type: ignore[attr-defined]  # missing in its stubs
    if result is not None:
        result.unbuffered_active = False


@contextmanager
def _kill_after(seconds: float, address: str, thread: int) -> Iterator[None]:
    """Kill the connection after `seconds`. Raises _Timeout when an error follows from that."""
    killed = Event()
    timer = Timer(seconds, _kill_connection, (address, thread, killed))
    timer.daemon = True
    timer.start()
    try:
        yield
    except pymysql.MySQLError as error:
        if killed.is_set():
            raise _Timeout from error
        raise
    finally:
        timer.cancel()


def _connection(address: str, seconds: float) -> "pymysql.Connection[SSCursor]":
    try:
        # The server's own limit ends the query when this process is gone before it has killed it.
        limit = seconds + GRACE_SECONDS
        session = f"{READ_ONLY}, max_execution_time = {int(limit * 1000)}"
        options = {**mysql_options(address), "read_timeout": math.ceil(limit), "init_command": session}
        return pymysql.connect(**options, cursorclass=SSCursor)
    except pymysql.MySQLError as error:
        raise StoreUnavailable(f"MySQL: {error.args[-1]}{tls_advice(error)}") from error


def _kill_connection(address: str, thread: int, killed: Event) -> None:
    """Kill the connection on the server, where its query would continue after a disconnect.

    Killing the query only has no effect between two statements, and the next one would run longer. The server's own
    `max_execution_time` is not enough: a hint in the query overrides it.
    """
    with closing(_connection(address, GRACE_SECONDS)) as connection, connection.cursor() as cursor:
        killed.set()
        cursor.execute(f"KILL {thread:d}")


def _execute(cursor: SSCursor, query: str) -> None:
    not_found: list[pymysql.ProgrammingError] = []
    for name in SEARCH_ORDER:
        cursor.execute(f"USE {name}")
        try:
            cursor.execute(query)
            return
        except pymysql.ProgrammingError as error:
            if error.args[0] != ER.NO_SUCH_TABLE:
                raise
            not_found.append(error)
    raise not_found[0]
