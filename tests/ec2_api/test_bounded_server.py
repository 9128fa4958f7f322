import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from io import BytesIO

import pytest

from ec2_api import bounded_server
from tests.ec2_api.bounded_server_thread import serving

LARGE = 8_000_000
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def _application(environ: dict[str, Callable[..., Iterable[bytes]]], start: Callable[..., object]) -> Iterable[bytes]:
    start("200 OK", [("Content-Length", str(LARGE))])
    return environ["wsgi.file_wrapper"](BytesIO(bytes(LARGE)))


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    """Address of a server whose responses are larger than the buffers between it and the client."""
    with serving(_application) as listening:
        yield listening


def _slow_reader(address: tuple[str, int]) -> socket.socket:
    """Connect a client that sends a request and reads only the first bytes of the response."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    connection.settimeout(20)
    connection.connect(address)
    connection.sendall(REQUEST)
    assert connection.recv(12) == b"HTTP/1.1 200"
    return connection


def _read_rest(connection: socket.socket) -> int:
    """Return the number of bytes until the connection is closed or the response is complete."""
    received = 0
    with suppress(ConnectionError):
        while received < LARGE and (part := connection.recv(1_000_000)):
            received += len(part)
    return received


def test_a_client_that_stops_reading_is_disconnected(address: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_server, "STALL_TIMEOUT_SECONDS", 1)
    with _slow_reader(address) as connection:
        time.sleep(4)
        assert _read_rest(connection) < LARGE


def test_a_client_that_reads_too_slowly_is_disconnected(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_server, "RESPONSE_TIMEOUT_SECONDS", 2)
    with _slow_reader(address) as connection:
        started_at, received = time.monotonic(), 0
        with suppress(ConnectionError):
            while received < LARGE and time.monotonic() - started_at < 60 and (part := connection.recv(20_000)):
                received += len(part)
                time.sleep(0.1)
        assert received < LARGE
        assert time.monotonic() - started_at < 60


def test_an_idle_connection_is_closed_after_a_response(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_server, "KEEP_ALIVE_TIMEOUT_SECONDS", 1)
    with _slow_reader(address) as connection:
        assert _read_rest(connection) >= LARGE
        while connection.recv(1_000_000):
            pass


def test_the_oldest_connection_is_closed_for_a_new_one(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_server, "MAX_CONNECTIONS_PER_CLIENT", 5)
    with ExitStack() as open_readers:
        readers = [open_readers.enter_context(_slow_reader(address)) for _ in range(8)]
        assert [_read_rest(reader) >= LARGE for reader in readers] == [False] * 3 + [True] * 5
