import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from io import BytesIO

import pytest

from ec2_api import bounded_server
from ec2_api.bounded_server import create_bounded_server

LARGE = 8_000_000
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def _application(environ: dict[str, Callable[..., Iterable[bytes]]], start: Callable[..., object]) -> Iterable[bytes]:
    start("200 OK", [("Content-Length", str(LARGE))])
    return environ["wsgi.file_wrapper"](BytesIO(bytes(LARGE)))


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    """Where a server listens whose every answer is larger than the buffers between it and its client."""
    server = create_bounded_server(_application, "127.0.0.1", 0)
    stopped = threading.Event()

    def run() -> None:
        # The loop ends when nothing is left to watch.
        with suppress(OSError, ValueError):
            server.run()
        stopped.set()

    threading.Thread(target=run, daemon=True).start()
    yield server.effective_listen[0][0], int(server.effective_listen[0][1])
    server.close()
    assert stopped.wait(10)


def _reader(address: tuple[str, int]) -> socket.socket:
    """A client that asked for an answer and reads no more than its first bytes."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    connection.settimeout(20)
    connection.connect(address)
    connection.sendall(REQUEST)
    assert connection.recv(12) == b"HTTP/1.1 200"
    return connection


def _rest(connection: socket.socket) -> int:
    """How many bytes come until the connection is closed or the answer is whole."""
    received = 0
    with suppress(ConnectionError):
        while received < LARGE and (part := connection.recv(1_000_000)):
            received += len(part)
    return received


def test_a_client_that_stops_reading_is_dropped(address: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_server, "STALLED_SECONDS", 1)
    with _reader(address) as connection:
        time.sleep(4)
        assert _rest(connection) < LARGE


def test_a_client_that_reads_too_slowly_is_dropped(address: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_server, "ANSWER_SECONDS", 2)
    with _reader(address) as connection:
        began, received = time.monotonic(), 0
        with suppress(ConnectionError):
            while received < LARGE and time.monotonic() - began < 60 and (part := connection.recv(20_000)):
                received += len(part)
                time.sleep(0.1)
        assert received < LARGE
        assert time.monotonic() - began < 60


def test_a_silent_connection_is_closed_after_an_answer(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_server, "KEEP_ALIVE_SECONDS", 1)
    with _reader(address) as connection:
        assert _rest(connection) >= LARGE
        while connection.recv(1_000_000):
            pass


def test_the_oldest_connection_makes_room_for_a_new_one(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_server, "CONNECTIONS_PER_CLIENT", 5)
    with ExitStack() as open_readers:
        readers = [open_readers.enter_context(_reader(address)) for _ in range(8)]
        assert [_rest(reader) >= LARGE for reader in readers] == [False] * 3 + [True] * 5
