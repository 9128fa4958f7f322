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

from readmit.io.database.connection import NAMES, connect, login
from readmit.io.database.schema import migrate
from readmit.io.database.tables import TABLES

LONGEST_RUN = 600

Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture
def answering() -> Iterator[Callable[[Callable[[str], Answer]], str]]:
    """Starts a server on 127.0.0.1 that answers each path as a function says; gives its address."""
    with ExitStack() as held:

        def start(answer: Callable[[str], Answer]) -> str:
            class Handler(BaseHTTPRequestHandler):
                def do_GET(self) -> None:
                    status, headers, body = answer(self.path)
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

                do_POST = do_GET  # noqa: N815 - the name that http.server asks for

                def log_message(self, *_: object) -> None:
                    """Says nothing."""

            server = held.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
            Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
            held.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_port}"

        yield start


@contextmanager
def alone_on(address: str) -> Iterator[pymysql.cursors.Cursor]:
    """The MySQL server for tests, which nobody else's tests use meanwhile."""
    waiting_long = {**login(address), "read_timeout": LONGEST_RUN, "autocommit": True}
    with closing(pymysql.connect(**waiting_long)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT GET_LOCK('tests of readmit', %s)", (LONGEST_RUN,))
        yield cursor


def drop_all(cursor: pymysql.cursors.Cursor) -> None:
    cursor.execute(
        "SELECT CONCAT(IF(table_type = 'VIEW', 'VIEW ', 'TABLE '), table_schema, '.', table_name) "
        "FROM information_schema.tables WHERE table_schema IN %s",
        (list(NAMES),),
    )
    for (thing,) in cursor.fetchall():
        cursor.execute(f"DROP {thing}")


@pytest.fixture(scope="session")
def mysql_server() -> str:
    """The address of the MySQL server for tests. What an earlier run left on it is gone."""
    address = os.environ.get("READMIT_TEST_DATABASE_URL")
    assert address, "READMIT_TEST_DATABASE_URL names no MySQL server for tests: mysql://USER:PASSWORD@HOST:PORT"
    with alone_on(address) as cursor:
        drop_all(cursor)
    return address


@pytest.fixture
def mysql(mysql_server: str) -> Iterator[str]:
    """The address of a MySQL server with all tables, and no row in them."""
    connect(mysql_server)
    with alone_on(mysql_server) as cursor:
        migrate()
        for table in TABLES:
            name = next(name for name, database in NAMES.items() if database is table._meta.database)
            cursor.execute(f"DELETE FROM {name}.{table._meta.table_name}")
        yield mysql_server


@pytest.fixture
def bare_mysql(mysql_server: str) -> Iterator[str]:
    """The address of a MySQL server without any table."""
    connect(mysql_server)
    with alone_on(mysql_server) as cursor:
        drop_all(cursor)
        yield mysql_server
        drop_all(cursor)


@pytest.fixture
def bare_sqlite(tmp_path: Path) -> str:
    """The address of a folder that is not there yet."""
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
    """The address of databases with all tables, and no row in them: SQLite's, then MySQL's."""
    return str(request.getfixturevalue(request.param))


AtOnce = Callable[[str, str], list[str]]


@pytest.fixture
def at_once() -> AtOnce:
    """Two processes do some work on the databases at the same moment: what each printed.

    In the work `me` is 1 and 2.
    """
    begin = (
        "import sys; import polars as pl; from readmit.io.database import ledger, rows\n"
        "from readmit.io.database.connection import connect; from readmit.io.database.schema import migrate\n"
        "connect(sys.argv[1]); me = int(sys.argv[2]); print('ready', flush=True); sys.stdin.readline()\n"
    )

    def do(address: str, work: str) -> list[str]:
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        both = [
            subprocess.Popen([sys.executable, "-c", begin + work, address, me], text=True, **pipes) for me in ("1", "2")
        ]
        assert [process.stdout.readline() for process in both] == ["ready\n"] * 2
        for process in both:
            process.stdin.write("go\n")
            process.stdin.flush()
        said = [process.communicate(timeout=120) for process in both]
        assert [process.returncode for process in both] == [0, 0], said
        return [out for out, _ in said]

    return do
