"""Clients that do not read, connect too often or send too fast, against the API's server with small limits."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from threading import Thread
from typing import Any

import pytest
import uvicorn

from api.__main__ import Server
from api.http_server.connections import Connections
from api.http_server.limits import ConnectionLimits
from api.http_server.protocol import LimitedProtocol
from tests.security.api_process import HOST, ApiAddress, read_response, request_head

LARGE = 30_000_000
"""Bytes of a response: more than the sockets of both sides buffer."""
GET = request_head("GET", "/") + b"\r\n"
GET_LARGE = request_head("GET", "/large", "Connection: close") + b"\r\n"
GET_LAST = request_head("GET", "/", "Connection: close") + b"\r\n"
Record = Callable[[str, object], None]


async def app(scope: Any, _: Any, send: Any) -> None:
    body = b"x" * (LARGE if scope["path"] == "/large" else 2)
    await asyncio.sleep(0.05)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def serving(max_connections: int = 1_000, **limits: Any) -> Iterator[ApiAddress]:
    """Serve `app` with the given limits."""
    connections = Connections(ConnectionLimits(**limits), max_connections)
    protocol: Any = partial(LimitedProtocol, connections=connections)
    server = Server(
        uvicorn.Config(app, loop="uvloop", http=protocol, ws="none", lifespan="off", log_config=None), connections
    )
    with socket.create_server((HOST, 0)) as listener:
        thread = Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield ApiAddress(listener.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join()


def statuses(response: bytes) -> list[str]:
    return [part[:3].decode() for part in response.split(b"HTTP/1.1 ")[1:]]


def unread_connection(api: ApiAddress) -> socket.socket:
    """Request a large response with a small receive buffer and read nothing."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 262_144)
    connection.settimeout(30)
    connection.connect((HOST, api.port))
    connection.sendall(GET_LARGE)
    return connection


@pytest.mark.attack("slow readers", "api")
def test_a_client_that_does_not_read_is_disconnected_and_others_are_served(record_property: Record) -> None:
    record_property("answer", "closed; others are served")
    with serving(unread_seconds=1.0) as api, unread_connection(api) as connection:
        time.sleep(4)
        assert statuses(api.exchange(GET_LAST)) == ["200"]
        assert len(read_response(connection)) < LARGE


def test_a_slow_reader_gets_the_whole_response() -> None:
    with serving(unread_seconds=2.0, unread_bytes=1_000) as api, api.connect() as connection:
        connection.sendall(request_head("GET", "/large", "Connection: close") + b"\r\n")
        received = 0
        for _ in range(12):
            time.sleep(0.3)
            received += len(connection.recv(2_000_000))
        assert received + len(read_response(connection)) > LARGE


@pytest.mark.attack("slow readers", "api")
def test_unread_responses_are_limited_in_memory(record_property: Record) -> None:
    record_property("answer", "closed; others are served")
    with serving(unsent_bytes=2 * LARGE) as api, ExitStack() as stack:
        readers = [stack.enter_context(unread_connection(api)) for _ in range(5)]
        time.sleep(3)
        complete = [len(read_response(reader)) > LARGE for reader in readers]
        assert complete.count(True) == 2
        assert statuses(api.exchange(GET_LAST)) == ["200"]


@pytest.mark.attack("many connections", "api")
@pytest.mark.parametrize("limits", [{"connections_per_client": 10}, {"max_connections": 10}])
def test_a_connection_over_the_limit_is_rejected_and_the_others_are_kept(
    limits: dict[str, int], record_property: Record
) -> None:
    record_property("answer", "503")
    with serving(**limits) as api, ExitStack() as stack:
        first = [stack.enter_context(api.connect()) for _ in range(10)]
        for connection in first:
            connection.sendall(GET)
            assert statuses(connection.recv(65_536)) == ["200"]
        with api.connect() as rejected:
            assert statuses(read_response(rejected)) == ["503"]
        first.pop().close()
        time.sleep(0.5)
        assert statuses(api.exchange(GET_LAST)) == ["200"]
        first[0].sendall(GET)
        assert statuses(first[0].recv(65_536)) == ["200"]


@pytest.mark.attack("many requests on one connection", "api")
def test_a_client_that_pipelines_too_many_requests_is_disconnected(record_property: Record) -> None:
    record_property("answer", "closed; others are served")
    with serving(max_pipelined=5) as api, api.connect() as connection:
        connection.sendall(GET * 5 + GET_LAST)
        assert statuses(read_response(connection)) == ["200"] * 6
        with api.connect() as client:
            client.sendall(GET * 100)
            assert len(statuses(read_response(client))) < 100
        assert statuses(api.exchange(GET_LAST)) == ["200"]
