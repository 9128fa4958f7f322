"""Three databases behind one address: SQLite (a file each) or MySQL, by one setting."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import peewee as pw

from readmit.core.refusal import ContractBroken, StoreAway

RAW, CLEAN, PREDICTIONS = (pw.DatabaseProxy() for _ in range(3))
NAMES = {"raw_data_db": RAW, "clean_data_db": CLEAN, "predictions_db": PREDICTIONS}
"""Each database's name on a MySQL server; on SQLite the name of its file."""

BUSY_SECONDS = 60
_addresses: dict[str, str] = {}
_one_at_a_time = threading.RLock()


def connect(address: str) -> None:
    """Points the models of this process at the databases behind an address; nothing is opened yet.

    `sqlite:///FOLDER` (relative to the working folder, or absolute with a fourth slash), or
    `mysql://USER:PASSWORD@HOST:PORT`.
    """
    for name, proxy in NAMES.items():
        proxy.initialize(_sqlite(address, name) if address.startswith("sqlite:") else _mysql(address, name))


@contextmanager
def using(database: pw.Database | pw.DatabaseProxy) -> Iterator[None]:
    """An open connection for this thread, closed again at the end; one thread of a process at a time.

    StoreAway: the server does not answer, or refuses us. ContractBroken: it does not take the rows as they are.
    """
    try:
        # What a driver's own cursor raises becomes peewee's error, too.
        with _one_at_a_time, database.connection_context(), pw.__exception_wrapper__:  # type: ignore[attr-defined]  # not in its stubs
            yield
    except (pw.IntegrityError, pw.DataError) as error:
        raise ContractBroken(f"{_name_of(database)}: {error}") from error
    except (pw.OperationalError, pw.InterfaceError, pw.InternalError) as error:
        raise StoreAway(f"{_name_of(database)}: {error}") from error


@contextmanager
def reading_in_bulk(database: pw.DatabaseProxy) -> Iterator[str]:
    """The address of one database as connectorx reads it, while no connection of ours to it is open.

    connectorx brings a SQLite of its own, and closing a file in one of two SQLites in a process drops the
    locks that the other holds on it (sqlite.org/howtocorrupt.html, 2.2.1).
    """
    with _one_at_a_time:
        if not database.is_closed():
            raise RuntimeError("a connection is open: a bulk read would drop its locks")
        try:
            yield _addresses[_name_of(database)]
        except RuntimeError as error:
            raise StoreAway(f"{_name_of(database)}: {error}") from error


def _name_of(database: pw.Database | pw.DatabaseProxy) -> str:
    return next((name for name, proxy in NAMES.items() if proxy is database), "database")


def _sqlite(address: str, name: str) -> pw.SqliteDatabase:
    folder = Path(address.removeprefix("sqlite:///")).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.sqlite3"
    _addresses[name] = f"sqlite://{quote(str(file))}"
    # Writers wait for each other from the transaction's first statement on, instead of failing at its last.
    pragmas = {"journal_mode": "wal", "synchronous": "normal"}
    return pw.SqliteDatabase(str(file), pragmas=pragmas, lock_type="IMMEDIATE", timeout=BUSY_SECONDS)


def _mysql(address: str, name: str) -> pw.MySQLDatabase:
    parts = urlsplit(address)
    _addresses[name] = f"{address.rstrip('/')}/{name}"
    options: dict[str, Any] = {
        "host": parts.hostname,
        "port": parts.port or 3306,
        "user": unquote(parts.username or ""),
    }
    password = unquote(parts.password or "")
    return pw.MySQLDatabase(name, password=password, init_command="SET time_zone = '+00:00'", **options)
