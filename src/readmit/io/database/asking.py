"""One question of a person's, in SQL: read-only whoever asks, over the three databases under their names."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import pymysql
from pymysql.constants import ER
from pymysql.cursors import SSCursor

from readmit.core.refusal import QueryRefused, StoreAway
from readmit.io.database.connection import BUSY_SECONDS, file_of, login, tls_advice

SEARCHED = ("clean_data_db", "raw_data_db", "predictions_db")
"""Where a table without its database's name is looked for, in this order."""
ONLY_READING = "SET time_zone = '+00:00', transaction_read_only = ON"


@dataclass(frozen=True, slots=True)
class Answer:
    """`rows` come from the server as they are asked for, each as long as `columns`."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[object, ...]]


@contextmanager
def answer(address: str, question: str) -> Iterator[Answer]:
    """The answer to one statement. QueryRefused: the database does not take it; StoreAway: it can't be reached."""
    ask = _of_sqlite if address.startswith("sqlite:") else _of_mysql
    try:
        with ask(address, question) as cursor:
            yield Answer(tuple(column[0] for column in cursor.description or ()), iter(cursor))
    except (sqlite3.Error, sqlite3.Warning, pymysql.MySQLError) as error:
        raise QueryRefused(f"the database says: {error.args[-1]}") from error


@contextmanager
def _of_sqlite(address: str, question: str) -> Iterator[sqlite3.Cursor]:
    with closing(sqlite3.connect("file::memory:", uri=True, timeout=BUSY_SECONDS)) as connection:
        for name in SEARCHED:
            try:
                connection.execute(f"ATTACH ? AS {name}", (f"{file_of(address, name).as_uri()}?mode=ro",))
            except sqlite3.Error as error:
                raise StoreAway(f"{name}: {error}") from error
        connection.execute("PRAGMA query_only = ON")
        yield connection.execute(question)


@contextmanager
def _of_mysql(address: str, question: str) -> Iterator[SSCursor]:
    try:
        connection = pymysql.connect(**login(address), cursorclass=SSCursor, init_command=ONLY_READING)
    except pymysql.MySQLError as error:
        raise StoreAway(f"MySQL: {error.args[-1]}{tls_advice(error)}") from error
    with closing(connection), connection.cursor() as cursor:
        _execute(cursor, question)
        yield cursor


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
