"""What a MySQL server does that a file does not: it is away, it restarts, it refuses a user."""

import logging
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from urllib.parse import quote, urlsplit

import pymysql
import pytest

from readmit.core.errors import ContractViolated, StoreUnavailable
from readmit.io.database import connection, ledger, promotions, rows
from readmit.io.database.connection import RAW, connect, using
from readmit.io.database.schema import migrate
from readmit.io.database.tables import Batch


def test_a_server_that_is_away_is_named_at_once() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as nobody:
        port = nobody.getsockname()[1]
    connect(f"mysql://me:secret@127.0.0.1:{port}")
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match="raw_data_db: .*Can't connect"):
        ledger.batch_rows()
    with pytest.raises(StoreUnavailable, match="raw_data_db: .*Can't connect"):
        rows.raw_rows(1)
    assert time.monotonic() - began < 5


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that lets everybody in and never says a word."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


def test_a_server_that_says_nothing_is_not_waited_for_without_end(silent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BUSY_SECONDS", 1)
    connect(f"mysql://me:secret@127.0.0.1:{silent}")
    for ask in (ledger.batch_rows, lambda: rows.raw_rows(1)):
        with pytest.raises(StoreUnavailable, match="raw_data_db: "):
            ask()


@pytest.mark.mysql
def test_a_database_that_a_server_lacks_is_made_and_one_that_is_there_is_left_alone(mysql: str) -> None:
    ledger.update_batch(1, rows=3)
    with closing(pymysql.connect(**connection.login(mysql))) as other, other.cursor() as cursor:
        cursor.execute("DROP DATABASE predictions_db")
    connection.make_databases(mysql)
    migrate()
    assert promotions.verdicts() == []
    assert ledger.batch_row(1).rows == 3


@pytest.mark.mysql
def test_a_connection_that_the_server_ended_is_said_to_be_away_and_the_next_one_works(mysql: str) -> None:
    assert mysql
    ledger.update_batch(1, rows=3)
    with pytest.raises(StoreUnavailable, match="raw_data_db: "):
        _change_rows_on_a_connection_that_ends(mysql)
    assert ledger.batch_row(1).rows == 3


def _change_rows_on_a_connection_that_ends(address: str) -> None:
    with using(RAW), RAW.atomic():
        Batch.update(rows=4).execute()
        (mine,) = RAW.execute_sql("SELECT CONNECTION_ID()").fetchone()
        with closing(pymysql.connect(**connection.login(address))) as other, other.cursor() as cursor:
            cursor.execute("KILL %s", (mine,))
        Batch.update(rows=5).execute()


@pytest.mark.mysql
def test_an_answer_that_does_not_come_is_not_waited_for_without_end(
    mysql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "BUSY_SECONDS", 1)
    connect(mysql)
    with pytest.raises(StoreUnavailable, match="raw_data_db: .*timed out"), using(RAW):
        RAW.execute_sql("SELECT SLEEP(5)")


@pytest.mark.mysql
def test_a_wrong_password_is_said_at_once_and_does_not_show(
    mysql: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    parts = urlsplit(mysql)
    wrong = quote("wr@ng:/ é", safe="")
    connect(f"mysql://{parts.username}:{wrong}@{parts.hostname}:{parts.port}")
    caplog.set_level(logging.DEBUG)
    began = time.monotonic()
    for ask in (ledger.batch_rows, lambda: rows.raw_rows(1)):
        with pytest.raises(StoreUnavailable, match="Access denied") as refused:
            ask()
        assert "wr@ng" not in str(refused.value)
    assert time.monotonic() - began < 5
    assert "wr@ng" not in caplog.text + "".join(capfd.readouterr())


@pytest.mark.mysql
def test_a_value_that_does_not_fit_is_refused_and_not_cut(mysql: str) -> None:
    assert mysql
    with pytest.raises(ContractViolated, match="Data too long"):
        ledger.update_batch(1, sha256="x" * 65)
    assert ledger.batch_row(1).sha256 is None


@pytest.mark.mysql
def test_the_moment_at_which_a_batch_was_done_is_kept_to_the_microsecond(
    mysql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mysql
    moment = datetime(2026, 11, 27, 23, 59, 59, 999_999)
    monkeypatch.setattr(ledger, "now", lambda: moment)
    ledger.update_batch(1, rows=3)
    ledger.mark_done(1)
    assert ledger.batch_row(1).done_at == moment
