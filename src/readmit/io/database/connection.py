"""Three databases behind one address: SQLite (a file each) or MySQL, by one setting."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import peewee as pw
from pymysql.constants import CLIENT

from readmit.core.errors import ContractViolated, StoreUnavailable
from readmit.io.database.bulk_read_lock import BulkReadLock
from readmit.io.database.error_text import describe_database_error, hide_quoted

RAW, CLEAN, PREDICTIONS = (pw.DatabaseProxy() for _ in range(3))
NAMES = {"raw_data_db": RAW, "clean_data_db": CLEAN, "predictions_db": PREDICTIONS}
"""Each database's name on a MySQL server; on SQLite the name of its file."""

BUSY_SECONDS = 60
CONNECT_SECONDS = 10
COLLATION = "utf8mb4_0900_bin"
"""What MySQL compares text by: as SQLite does, so that 'No' is not 'NO'."""
ALIVE = (
    f"tcp_connect_timeout_ms={CONNECT_SECONDS * 1000}&tcp_keepalive_time_ms={BUSY_SECONDS * 500}"
    "&tcp_keepalive_probe_interval_secs=10&tcp_keepalive_probe_count=3"
)
"""By which connectorx, which knows no longest time for an answer, finds that a server is gone."""

_addresses: dict[str, str] = {}
_lock = BulkReadLock()


def connect(address: str) -> None:
    """Points the models of this process at the databases behind an address; nothing is opened yet.

    `sqlite:///FOLDER` (relative to the working folder, or absolute with a fourth slash), or
    `mysql://USER:PASSWORD@HOST:PORT`, with `?ssl_ca=FILE` where the server has to be verified.
    """
    for name, proxy in NAMES.items():
        proxy.initialize(_sqlite(address, name) if address.startswith("sqlite:") else _mysql(address, name))


def make_databases(address: str) -> None:
    """Makes those that a MySQL server lacks; SQLite makes its files by itself. StoreAway: this user may not."""
    if address.startswith("sqlite:"):
        return
    server: Any = pw.MySQLDatabase("information_schema", **login(address))
    with using(server):
        for name in NAMES:
            server.execute_sql(f"CREATE DATABASE IF NOT EXISTS `{name}` COLLATE {COLLATION}")


@contextmanager
def using(database: pw.Database | pw.DatabaseProxy) -> Iterator[None]:
    """An open connection for this thread, closed again at the end; it waits while another thread reads in bulk.

    StoreAway: the server does not answer, or refuses us. ContractBroken: it does not take the rows as they are.
    """
    try:
        # What a driver's own cursor raises becomes peewee's error, too.
        with _lock.connection(), database.connection_context(), pw.__exception_wrapper__:  # type: ignore[attr-defined]  # not in its stubs
            yield
    except (pw.IntegrityError, pw.DataError) as error:
        # Not even as its cause: a log with a traceback would show the value that it quotes.
        raise ContractViolated(f"{name_of(database)}: {describe_database_error(error)}") from None
    except (pw.OperationalError, pw.InterfaceError, pw.InternalError, pw.ProgrammingError) as error:
        raise StoreUnavailable(f"{name_of(database)}: {describe_database_error(error)}{tls_advice(error)}") from None


@contextmanager
def reading_in_bulk(database: pw.DatabaseProxy) -> Iterator[str]:
    """The address of one database as connectorx reads it, while no connection of ours to it is open.

    connectorx brings a SQLite of its own, and closing a file in one of two SQLites in a process drops the
    locks that the other holds on it (sqlite.org/howtocorrupt.html, 2.2.1).
    """
    if not all(each.is_closed() for each in NAMES.values()):
        raise RuntimeError("a connection is open: a bulk read would drop its locks")
    with _lock.bulk_read():
        if on_mysql(database):
            # A server that is away, or refuses us, is found at once; connectorx would try for half a minute.
            with using(database):
                pass
        try:
            yield _addresses[name_of(database)]
        except RuntimeError as error:
            raise StoreUnavailable(f"{name_of(database)}: {hide_quoted(str(error))}") from None


def on_mysql(database: pw.DatabaseProxy) -> bool:
    return isinstance(database.obj, pw.MySQLDatabase)


def name_of(database: pw.Database | pw.DatabaseProxy) -> str:
    return next((name for name, proxy in NAMES.items() if proxy is database), "database")


def now() -> datetime:
    """UTC without a zone: neither SQLite nor MySQL keeps one."""
    return datetime.now(UTC).replace(tzinfo=None)


def quoted(database: pw.DatabaseProxy, name: str) -> str:
    """`change` is a reserved word in MySQL: each column name is quoted."""
    return f"{database.quote[0]}{name}{database.quote[1]}"


def _sqlite(address: str, name: str) -> pw.SqliteDatabase:
    file = file_of(address, name)
    file.parent.mkdir(parents=True, exist_ok=True)
    _addresses[name] = f"sqlite://{quote(str(file))}"
    # Writers wait for each other from the transaction's first statement on, instead of failing at its last. The journal
    # is the file's own affair, once it is set (migrations.py).
    pragmas = {"synchronous": "normal"}
    return pw.SqliteDatabase(str(file), pragmas=pragmas, lock_type="IMMEDIATE", timeout=BUSY_SECONDS)


def file_of(address: str, name: str) -> Path:
    """The file of one database behind a SQLite address."""
    return Path(address.removeprefix("sqlite:///")).absolute() / f"{name}.sqlite3"


def _mysql(address: str, name: str) -> pw.MySQLDatabase:
    parts = urlsplit(address)
    authority = _authority(address)
    verified = f"&ssl-mode=VERIFY_IDENTITY&ssl-ca={quote(authority)}" if authority else ""
    _addresses[name] = f"mysql://{parts.netloc}/{name}?{ALIVE}{verified}"
    options: dict[str, Any] = {
        **login(address),
        # As on SQLite: an UPDATE counts the rows that it found, also where it left them as they were; text has any
        # length; a time has its microseconds, so that what happened later is never said to be earlier.
        "client_flag": CLIENT.FOUND_ROWS,
        "field_types": {"TEXT": "LONGTEXT", "DATETIME": "DATETIME(6)"},
        # What does not fit is refused, never cut, however the server is set up.
        "sql_mode": "TRADITIONAL",
        # Two batches that are replaced at once do not lock each other's gaps.
        "init_command": "SET time_zone = '+00:00', transaction_isolation = 'READ-COMMITTED'",
    }
    return pw.MySQLDatabase(name, **options)


def login(address: str) -> dict[str, Any]:
    """What pymysql needs to reach a MySQL server, and how long it waits for it."""
    parts = urlsplit(address)
    return {
        "host": parts.hostname,
        "port": parts.port or 3306,
        "user": unquote(parts.username or ""),
        # As bytes: of a text pymysql would send the Latin-1.
        "password": unquote(parts.password or "").encode(),
        "connect_timeout": CONNECT_SECONDS,
        "read_timeout": BUSY_SECONDS,
        "write_timeout": BUSY_SECONDS,
        **_encryption(_authority(address)),
    }


def tls_advice(error: Exception) -> str:
    """Return what to set where a connection failed because of TLS; an empty text otherwise."""
    if "SSL" in str(error):
        return (
            ". READMIT_DATABASE_TLS is verify: the server must offer TLS with a certificate for its host name, signed "
            "by the authority in READMIT_DATABASE_TLS_CA"
        )
    return ". Set READMIT_DATABASE_TLS=verify" if "insecure transport" in str(error) else ""


def _encryption(authority: str | None) -> dict[str, Any]:
    if authority is None:
        # A handshake takes 0.1 s of each connection: the stack's own server is reached by an inner network. The
        # password goes encrypted all the same (caching_sha2_password).
        return {"ssl_disabled": True}
    return {"ssl_ca": authority, "ssl_verify_cert": True, "ssl_verify_identity": True}


def _authority(address: str) -> str | None:
    """Return the file of the authority that a server must be verified by, if it must be."""
    return next(iter(parse_qs(urlsplit(address).query).get("ssl_ca", [])), None)
