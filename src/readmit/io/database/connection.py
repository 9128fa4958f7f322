"""Connections to the three databases behind one address: SQLite (one file each) or MySQL."""

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
"""The databases by their name on a MySQL server, which on SQLite is the name of the file."""

BUSY_TIMEOUT_SECONDS = 60
CONNECT_TIMEOUT_SECONDS = 10
COLLATION = "utf8mb4_0900_bin"
"""MySQL's collation for text: case-sensitive as on SQLite, so that 'No' is not 'NO'."""
KEEPALIVE_OPTIONS = (
    f"tcp_connect_timeout_ms={CONNECT_TIMEOUT_SECONDS * 1000}&tcp_keepalive_time_ms={BUSY_TIMEOUT_SECONDS * 500}"
    "&tcp_keepalive_probe_interval_secs=10&tcp_keepalive_probe_count=3"
)
"""TCP options of connectorx, which has no read timeout, to detect that a server is gone."""

_addresses: dict[str, str] = {}
_lock = BulkReadLock()


def connect(address: str) -> None:
    """Bind the models of this process to the databases behind an address, without opening a connection.

    `sqlite:///FOLDER` (relative to the working directory, or absolute with a fourth slash), or
    `mysql://USER:PASSWORD@HOST:PORT`, with `?ssl_ca=FILE` when the server's certificate has to be verified.
    """
    for name, proxy in NAMES.items():
        proxy.initialize(_sqlite(address, name) if address.startswith("sqlite:") else _mysql(address, name))


def create_databases(address: str) -> None:
    """Create the databases missing on a MySQL server; SQLite creates its files by itself.

    Raises StoreUnavailable when the user is not allowed to.
    """
    if address.startswith("sqlite:"):
        return
    server: Any = pw.MySQLDatabase("information_schema", **mysql_options(address))
    with using(server):
        for name in NAMES:
            server.execute_sql(f"CREATE DATABASE IF NOT EXISTS `{name}` COLLATE {COLLATION}")


@contextmanager
def using(database: pw.Database | pw.DatabaseProxy) -> Iterator[None]:
    """Open a connection for this thread and close it at the end; waits while another thread reads in bulk.

    Raises StoreUnavailable when the server can't be reached or denies access, ContractViolated when it rejects rows.
    """
    try:
        # Errors of a driver's own cursor are converted to peewee's errors, too.
        with _lock.connection(), database.connection_context(), pw.__exception_wrapper__:  # type: ignore[attr-defined]  # missing in peewee's stubs
            yield
    except (pw.IntegrityError, pw.DataError) as error:
        # `from None`: a logged traceback would show the value that the cause quotes.
        raise ContractViolated(f"{database_name(database)}: {describe_database_error(error)}") from None
    except (pw.OperationalError, pw.InterfaceError, pw.InternalError, pw.ProgrammingError) as error:
        raise StoreUnavailable(
            f"{database_name(database)}: {describe_database_error(error)}{tls_advice(error)}"
        ) from None


@contextmanager
def bulk_read(database: pw.DatabaseProxy) -> Iterator[str]:
    """Return the address of one database for connectorx, while no other connection of this process is open.

    connectorx bundles its own SQLite, and closing a file in one of two SQLite libraries in a process drops the
    locks that the other holds on it (sqlite.org/howtocorrupt.html, 2.2.1).
    """
    if not all(proxy.is_closed() for proxy in NAMES.values()):
        raise RuntimeError("a connection is open: a bulk read would drop its locks")
    with _lock.bulk_read():
        if is_mysql(database):
            # An unavailable server is detected at once; connectorx would retry for half a minute.
            with using(database):
                pass
        try:
            yield _addresses[database_name(database)]
        except RuntimeError as error:
            raise StoreUnavailable(f"{database_name(database)}: {hide_quoted(str(error))}") from None


def is_mysql(database: pw.DatabaseProxy) -> bool:
    """Return whether a database is on a MySQL server."""
    return isinstance(database.obj, pw.MySQLDatabase)


def database_name(database: pw.Database | pw.DatabaseProxy) -> str:
    """Return the name of a database, for messages."""
    return next((name for name, proxy in NAMES.items() if proxy is database), "database")


def now() -> datetime:
    """Return the time in UTC without a time zone, which neither SQLite nor MySQL stores."""
    return datetime.now(UTC).replace(tzinfo=None)


def quote_column(database: pw.DatabaseProxy, name: str) -> str:
    """Quote the name of a column: `change` is a reserved word in MySQL."""
    return f"{database.quote[0]}{name}{database.quote[1]}"


def _sqlite(address: str, name: str) -> pw.SqliteDatabase:
    file = sqlite_file(address, name)
    file.parent.mkdir(parents=True, exist_ok=True)
    _addresses[name] = f"sqlite://{quote(str(file))}"
    # Writers wait for each other from the transaction's first statement on, instead of failing at its last. The journal
    # mode is stored in the file (migrations.py).
    pragmas = {"synchronous": "normal"}
    return pw.SqliteDatabase(str(file), pragmas=pragmas, lock_type="IMMEDIATE", timeout=BUSY_TIMEOUT_SECONDS)


def sqlite_file(address: str, name: str) -> Path:
    """Return the file of one database behind a SQLite address."""
    return Path(address.removeprefix("sqlite:///")).absolute() / f"{name}.sqlite3"


def _mysql(address: str, name: str) -> pw.MySQLDatabase:
    parts = urlsplit(address)
    ca_file = _ca_file(address)
    tls = f"&ssl-mode=VERIFY_IDENTITY&ssl-ca={quote(ca_file)}" if ca_file else ""
    _addresses[name] = f"mysql://{parts.netloc}/{name}?{KEEPALIVE_OPTIONS}{tls}"
    options: dict[str, Any] = {
        **mysql_options(address),
        # As on SQLite: an UPDATE counts the rows that it matched, even if it did not change them; text has any length;
        # times have microseconds, so that their order is kept.
        "client_flag": CLIENT.FOUND_ROWS,
        "field_types": {"TEXT": "LONGTEXT", "DATETIME": "DATETIME(6)"},
        # Values that do not fit are rejected, never truncated, whatever the server's configuration.
        "sql_mode": "TRADITIONAL",
        # Without gap locks, so that two batches can be replaced at the same time.
        "init_command": "SET time_zone = '+00:00', transaction_isolation = 'READ-COMMITTED'",
    }
    return pw.MySQLDatabase(name, **options)


def mysql_options(address: str) -> dict[str, Any]:
    """Return pymysql's options to connect to a MySQL server, with its timeouts."""
    parts = urlsplit(address)
    return {
        "host": parts.hostname,
        "port": parts.port or 3306,
        "user": unquote(parts.username or ""),
        # As bytes: pymysql would encode a str as Latin-1.
        "password": unquote(parts.password or "").encode(),
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "read_timeout": BUSY_TIMEOUT_SECONDS,
        "write_timeout": BUSY_TIMEOUT_SECONDS,
        **_tls_options(_ca_file(address)),
    }


def tls_advice(error: Exception) -> str:
    """Return advice when a connection failed because of TLS; an empty string otherwise."""
    if "SSL" in str(error):
        return (
            ". READMIT_DATABASE_TLS is verify: the server must offer TLS with a certificate for its host name, signed "
            "by the CA in READMIT_DATABASE_TLS_CA"
        )
    return ". Set READMIT_DATABASE_TLS=verify" if "insecure transport" in str(error) else ""


def _tls_options(ca_file: str | None) -> dict[str, Any]:
    if ca_file is None:
        # A TLS handshake costs 0.1 s per connection, and the stack's own server is on an internal network. The
        # password is sent encrypted even so (caching_sha2_password).
        return {"ssl_disabled": True}
    return {"ssl_ca": ca_file, "ssl_verify_cert": True, "ssl_verify_identity": True}


def _ca_file(address: str) -> str | None:
    """Return the file of the CA that the server's certificate is verified with, if it is to be verified."""
    return next(iter(parse_qs(urlsplit(address).query).get("ssl_ca", [])), None)
