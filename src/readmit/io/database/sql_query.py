"""One question of a person's, in SQL: read-only whoever asks, over the three databases under their names.

It takes no more than a minute, its rows are handed on as they come, and it can't make a file.
"""

import math
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from threading import Timer

import pymysql
from pymysql.constants import ER
from pymysql.cursors import SSCursor

from readmit.core.errors import QueryRejected, StoreUnavailable
from readmit.io.database.connection import BUSY_SECONDS, file_of, login, tls_advice

SEARCHED = ("clean_data_db", "raw_data_db", "predictions_db")
"""Where a table without its database's name is looked for, in this order."""
MOST_SECONDS = 60.0
ONLY_READING = "SET time_zone = '+00:00', transaction_read_only = ON"
GRACE_SECONDS = 10.0
"""After the limit, for the server's word that it has ended the query."""
TOOK_TOO_LONG = {sqlite3.SQLITE_INTERRUPT, ER.QUERY_INTERRUPTED, ER.QUERY_TIMEOUT}
READING = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE}
READING_PRAGMAS = {
    *("table_list", "table_info", "table_xinfo", "index_list", "index_info", "foreign_key_list", "database_list"),
}
LONGEST_CELL_BYTES, LONGEST_PATTERN_BYTES = 1_000_000, 1_000
"""One function of SQLite can't be interrupted while it works on one value: so no value is large."""
STEPS_BETWEEN_LOOKS = 10_000


@dataclass(frozen=True, slots=True)
class SqlResult:
    """`rows` come from the server as they are asked for, each as long as `columns`."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[object, ...]]


@contextmanager
def answer(address: str, question: str, seconds: float = MOST_SECONDS) -> Iterator[SqlResult]:
    """The answer to one statement, all of whose rows are read within `seconds`.

    QueryRefused: the database does not take it, or it takes too long; StoreAway: the database can't be reached.
    """
    ask = _of_sqlite if address.startswith("sqlite:") else _of_mysql
    try:
        with ask(address, question, seconds) as cursor:
            yield SqlResult(tuple(column[0] for column in cursor.description or ()), iter(cursor))
    except (sqlite3.Error, sqlite3.Warning, pymysql.MySQLError) as error:
        if _code(error) in TOOK_TOO_LONG:
            raise QueryRejected(f"the query was ended after {seconds:g} seconds: ask for less at a time") from error
        raise QueryRejected(f"the database says: {error.args[-1]}") from error


def _code(error: Exception) -> object:
    return getattr(error, "sqlite_errorcode", error.args[0])


@contextmanager
def _of_sqlite(address: str, question: str, seconds: float) -> Iterator[sqlite3.Cursor]:
    with closing(sqlite3.connect("file::memory:", uri=True, timeout=BUSY_SECONDS)) as connection:
        for name in SEARCHED:
            try:
                connection.execute(f"ATTACH ? AS {name}", (f"{file_of(address, name).as_uri()}?mode=ro",))
            except sqlite3.Error as error:
                raise StoreUnavailable(f"{name}: {error}") from error
        connection.execute("PRAGMA query_only = ON")
        _limit(connection, seconds)
        yield connection.execute(question)


def _limit(connection: sqlite3.Connection, seconds: float) -> None:
    """From now on the connection only reads, which neither ATTACH nor VACUUM INTO is, and only until the time is up."""
    until = time.monotonic() + seconds
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_CELL_BYTES)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, LONGEST_PATTERN_BYTES)
    connection.set_progress_handler(lambda: time.monotonic() > until, STEPS_BETWEEN_LOOKS)
    connection.set_authorizer(_authorize)


def _authorize(action: int, first: str | None, second: str | None, database: str | None, _: str | None) -> int:
    """SQLite asks before each kind of work: for a pragma `first` is its name, for a function `second`."""
    # A function that is read like a table is declared so. A real change of `main`, which is empty, is refused later.
    declares_function = action == sqlite3.SQLITE_UPDATE and (first, database) == ("sqlite_master", "main")
    allowed = (
        action in READING
        or declares_function
        or (action == sqlite3.SQLITE_FUNCTION and second != "load_extension")
        or (action == sqlite3.SQLITE_PRAGMA and first in READING_PRAGMAS)
    )
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


@contextmanager
def _of_mysql(address: str, question: str, seconds: float) -> Iterator[SSCursor]:
    # The time is not up before the cursor is closed, too: to close it, it reads what is left.
    with (
        closing(_connection(address, seconds)) as connection,
        _ended_after(seconds, address, connection.thread_id()),  # type: ignore[no-untyped-call]
        connection.cursor() as cursor,
    ):
        _execute(cursor, question)
        yield cursor


@contextmanager
def _ended_after(seconds: float, address: str, thread: int) -> Iterator[None]:
    ending = Timer(seconds, _end_query, (address, thread))
    ending.daemon = True
    ending.start()
    try:
        yield
    finally:
        ending.cancel()


def _connection(address: str, seconds: float) -> "pymysql.Connection[SSCursor]":
    try:
        patience = math.ceil(seconds + GRACE_SECONDS)
        how = {**login(address), "read_timeout": patience, "init_command": ONLY_READING}
        return pymysql.connect(**how, cursorclass=SSCursor)
    except pymysql.MySQLError as error:
        raise StoreUnavailable(f"MySQL: {error.args[-1]}{tls_advice(error)}") from error


def _end_query(address: str, thread: int) -> None:
    """Ends the query on the server, where it would go on after we hung up.

    The server's own `max_execution_time` would not do: a hint in the question switches it off.
    """
    with closing(_connection(address, GRACE_SECONDS)) as connection, connection.cursor() as cursor:
        cursor.execute(f"KILL QUERY {thread:d}")


def _execute(cursor: SSCursor, question: str) -> None:
    unknown: list[pymysql.ProgrammingError] = []
    for name in SEARCHED:
        cursor.execute(f"USE {name}")
        try:
            cursor.execute(question)
            return
        except pymysql.ProgrammingError as error:
            if error.args[0] != ER.NO_SUCH_TABLE:
                raise
            unknown.append(error)
    raise unknown[0]
