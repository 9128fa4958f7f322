import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pymysql
import pytest

from readmit.io.database.connection import NAMES, connect, mysql_options
from readmit.io.database.schema import migrate
from readmit.io.database.tables import TABLES

LOCK_TIMEOUT_SECONDS = 600

StubResponse = tuple[int, dict[str, str], bytes]


@pytest.fixture
def stub_server() -> Iterator[Callable[[Callable[[str], StubResponse]], str]]:
    """Start a server on 127.0.0.1 that responds to each path with a function's result; return its address."""
    with ExitStack() as stack:

        def start(respond: Callable[[str], StubResponse]) -> str:
            class Handler(BaseHTTPRequestHandler):
                def do_GET(self) -> None:
                    status, headers, body = respond(self.path)
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

                do_POST = do_GET  # noqa: N815 - the name that http.server requires

                def log_message(self, *_: object) -> None:
                    """Log nothing."""

            server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
            Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
            stack.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_port}"

        yield start


@contextmanager
def exclusive_server(address: str) -> Iterator[pymysql.cursors.Cursor]:
    """Lock the MySQL server for tests against other test runs."""
    options = {**mysql_options(address), "read_timeout": LOCK_TIMEOUT_SECONDS, "autocommit": True}
    with closing(pymysql.connect(**options)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT GET_LOCK('tests of readmit', %s)", (LOCK_TIMEOUT_SECONDS,))
        yield cursor


def drop_all(cursor: pymysql.cursors.Cursor) -> None:
    cursor.execute(
        "SELECT CONCAT(IF(table_type = 'VIEW', 'VIEW ', 'TABLE '), table_schema, '.', table_name) "
        "FROM information_schema.tables WHERE table_schema IN %s",
        (list(NAMES),),
    )
    for (table,) in cursor.fetchall():
        cursor.execute(f"DROP {table}")


@pytest.fixture(scope="session")
def mysql_server() -> str:
    """The address of the MySQL server for tests, without the tables of an earlier run."""
    address = os.environ.get("READMIT_TEST_DATABASE_URL")
    assert address, "set READMIT_TEST_DATABASE_URL to a MySQL server for tests: mysql://USER:PASSWORD@HOST:PORT"
    with exclusive_server(address) as cursor:
        drop_all(cursor)
    return address


@pytest.fixture
def mysql(mysql_server: str) -> Iterator[str]:
    """The address of a MySQL server with all tables, all empty."""
    connect(mysql_server)
    with exclusive_server(mysql_server) as cursor:
        migrate()
        for table in TABLES:
            name = next(name for name, database in NAMES.items() if database is table._meta.database)
            cursor.execute(f"DELETE FROM {name}.{table._meta.table_name}")
        yield mysql_server


@pytest.fixture
def bare_mysql(mysql_server: str) -> Iterator[str]:
    """The address of a MySQL server without any table."""
    connect(mysql_server)
    with exclusive_server(mysql_server) as cursor:
        drop_all(cursor)
        yield mysql_server
        drop_all(cursor)


@pytest.fixture
def bare_sqlite(tmp_path: Path) -> str:
    """The address of a folder that does not exist yet."""
    address = f"sqlite:///{tmp_path / 'a folder with % and spaces'}"
    connect(address)
    return address


@pytest.fixture
def sqlite(bare_sqlite: str) -> str:
    """The address of new files with all tables."""
    migrate()
    return bare_sqlite


@pytest.fixture(params=["bare_sqlite", pytest.param("bare_mysql", marks=pytest.mark.mysql)])
def bare(request: pytest.FixtureRequest) -> str:
    """The address of databases without any table, to which this process is connected: SQLite's, then MySQL's."""
    return str(request.getfixturevalue(request.param))


@pytest.fixture(params=["sqlite", pytest.param("mysql", marks=pytest.mark.mysql)])
def databases(request: pytest.FixtureRequest) -> str:
    """The address of databases with all tables, all empty: SQLite's, then MySQL's."""
    return str(request.getfixturevalue(request.param))


AtOnce = Callable[[str, str], list[str]]


@pytest.fixture
def at_once() -> AtOnce:
    """Run code in two processes at the same time, and return what each printed.

    In the code `me` is 1 or 2.
    """
    setup = (
        "import sys; import polars as pl; from readmit.io.database import leases, ledger, rows\n"
        "from readmit.io.database.connection import connect; from readmit.io.database.schema import migrate\n"
        "connect(sys.argv[1]); me = int(sys.argv[2]); print('ready', flush=True); sys.stdin.readline()\n"
    )

    def run(address: str, code: str) -> list[str]:
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        processes = [
            subprocess.Popen([sys.executable, "-c", setup + code, address, me], text=True, **pipes) for me in ("1", "2")
        ]
        assert [process.stdout.readline() for process in processes] == ["ready\n"] * 2
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        outputs = [process.communicate(timeout=120) for process in processes]
        assert [process.returncode for process in processes] == [0, 0], outputs
        return [stdout for stdout, _ in outputs]

    return run
