"""Failures of a MySQL server: it is unavailable, closes connections, denies access."""

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


def test_an_unavailable_server_is_reported_at_once() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    connect(f"mysql://me:secret@127.0.0.1:{port}")
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match="raw_data_db: .*Can't connect"):
        ledger.list_batches()
    with pytest.raises(StoreUnavailable, match="raw_data_db: .*Can't connect"):
        rows.raw_rows(1)
    assert time.monotonic() - began < 5


@pytest.fixture
def silent_port() -> Iterator[int]:
    """The port of a server that accepts connections and never responds."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


def test_a_server_that_does_not_respond_causes_a_timeout(silent_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_SECONDS", 1)
    connect(f"mysql://me:secret@127.0.0.1:{silent_port}")
    for read in (ledger.list_batches, lambda: rows.raw_rows(1)):
        with pytest.raises(StoreUnavailable, match="raw_data_db: "):
            read()


@pytest.mark.mysql
def test_a_missing_database_is_created_and_an_existing_one_is_unchanged(mysql: str) -> None:
    ledger.update_batch(1, rows=3)
    with closing(pymysql.connect(**connection.mysql_options(mysql))) as other, other.cursor() as cursor:
        cursor.execute("DROP DATABASE predictions_db")
    connection.create_databases(mysql)
    migrate()
    assert promotions.list_verdicts() == []
    assert ledger.get_batch(1).rows == 3


@pytest.mark.mysql
def test_a_closed_connection_is_reported_as_unavailable_and_the_next_one_works(mysql: str) -> None:
    assert mysql
    ledger.update_batch(1, rows=3)
    with pytest.raises(StoreUnavailable, match="raw_data_db: "):
        _update_on_a_killed_connection(mysql)
    assert ledger.get_batch(1).rows == 3


def _update_on_a_killed_connection(address: str) -> None:
    with using(RAW), RAW.atomic():
        Batch.update(rows=4).execute()
        (connection_id,) = RAW.execute_sql("SELECT CONNECTION_ID()").fetchone()
        with closing(pymysql.connect(**connection.mysql_options(address))) as other, other.cursor() as cursor:
            cursor.execute("KILL %s", (connection_id,))
        Batch.update(rows=5).execute()


@pytest.mark.mysql
def test_a_query_without_a_response_times_out(mysql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_SECONDS", 1)
    connect(mysql)
    with pytest.raises(StoreUnavailable, match="raw_data_db: .*timed out"), using(RAW):
        RAW.execute_sql("SELECT SLEEP(5)")


@pytest.mark.mysql
def test_a_wrong_password_is_reported_at_once_and_not_shown(
    mysql: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    parts = urlsplit(mysql)
    wrong = quote("wr@ng:/ é", safe="")
    connect(f"mysql://{parts.username}:{wrong}@{parts.hostname}:{parts.port}")
    caplog.set_level(logging.DEBUG)
    began = time.monotonic()
    for read in (ledger.list_batches, lambda: rows.raw_rows(1)):
        with pytest.raises(StoreUnavailable, match="Access denied") as error:
            read()
        assert "wr@ng" not in str(error.value)
    assert time.monotonic() - began < 5
    assert "wr@ng" not in caplog.text + "".join(capfd.readouterr())


@pytest.mark.mysql
def test_a_value_that_does_not_fit_is_rejected_and_not_truncated(mysql: str) -> None:
    assert mysql
    with pytest.raises(ContractViolated, match="Data too long"):
        ledger.update_batch(1, sha256="x" * 65)
    assert ledger.get_batch(1).sha256 is None


@pytest.mark.mysql
def test_the_time_at_which_a_batch_was_done_is_stored_to_the_microsecond(
    mysql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mysql
    time_done = datetime(2026, 11, 27, 23, 59, 59, 999_999)
    monkeypatch.setattr(ledger, "now", lambda: time_done)
    ledger.update_batch(1, rows=3)
    ledger.mark_done(1)
    assert ledger.get_batch(1).done_at == time_done
