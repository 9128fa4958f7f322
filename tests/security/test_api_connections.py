"""Clients that read nothing, connect too often or ask too fast: the server of the inference API, with small limits."""

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
from tests.security.api_process import HOST, ApiAddress, answer_of, head

LARGE = 30_000_000
"""Bytes of an answer: more than the sockets of both sides take."""
GET = head("GET", "/") + b"\r\n"
GET_LARGE = head("GET", "/large", "Connection: close") + b"\r\n"
GET_LAST = head("GET", "/", "Connection: close") + b"\r\n"
Record = Callable[[str, object], None]


async def app(scope: Any, _: Any, send: Any) -> None:
    body = b"x" * (LARGE if scope["path"] == "/large" else 2)
    await asyncio.sleep(0.05)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def serving(most: int = 1_000, **limits: Any) -> Iterator[ApiAddress]:
    """Serve `app` with these limits."""
    connections = Connections(ConnectionLimits(**limits), most)
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


def statuses(answer: bytes) -> list[str]:
    return [part[:3].decode() for part in answer.split(b"HTTP/1.1 ")[1:]]


def sent_and_not_read(api: ApiAddress) -> socket.socket:
    """Ask for a large answer with a small buffer, and read nothing of it."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 262_144)
    connection.settimeout(30)
    connection.connect((HOST, api.port))
    connection.sendall(GET_LARGE)
    return connection


@pytest.mark.attack("slow readers", "api")
def test_who_does_not_read_an_answer_is_cut_off_and_others_are_answered(record_property: Record) -> None:
    record_property("answer", "closed; others are answered")
    with serving(unread_seconds=1.0) as api, sent_and_not_read(api) as connection:
        time.sleep(4)
        assert statuses(api.exchange(GET_LAST)) == ["200"]
        assert len(answer_of(connection)) < LARGE


def test_who_reads_slowly_gets_the_whole_answer() -> None:
    with serving(unread_seconds=2.0, unread_bytes=1_000) as api, api.connect() as connection:
        connection.sendall(head("GET", "/large", "Connection: close") + b"\r\n")
        found = 0
        for _ in range(12):
            time.sleep(0.3)
            found += len(connection.recv(2_000_000))
        assert found + len(answer_of(connection)) > LARGE


@pytest.mark.attack("slow readers", "api")
def test_many_unread_answers_do_not_go_beyond_the_memory_for_them(record_property: Record) -> None:
    record_property("answer", "closed; others are answered")
    with serving(unsent_bytes=2 * LARGE) as api, ExitStack() as opened:
        readers = [opened.enter_context(sent_and_not_read(api)) for _ in range(5)]
        time.sleep(3)
        whole = [len(answer_of(each)) > LARGE for each in readers]
        assert whole.count(True) == 2
        assert statuses(api.exchange(GET_LAST)) == ["200"]


@pytest.mark.attack("many connections", "api")
@pytest.mark.parametrize("limits", [{"connections_per_client": 10}, {"most": 10}])
def test_a_connection_too_many_is_refused_and_the_others_are_kept(
    limits: dict[str, int], record_property: Record
) -> None:
    record_property("answer", "503")
    with serving(**limits) as api, ExitStack() as opened:
        first = [opened.enter_context(api.connect()) for _ in range(10)]
        for each in first:
            each.sendall(GET)
            assert statuses(each.recv(65_536)) == ["200"]
        with api.connect() as another:
            assert statuses(answer_of(another)) == ["503"]
        first.pop().close()
        time.sleep(0.5)
        assert statuses(api.exchange(GET_LAST)) == ["200"]
        first[0].sendall(GET)
        assert statuses(first[0].recv(65_536)) == ["200"]


@pytest.mark.attack("many requests on one connection", "api")
def test_who_asks_too_often_before_the_first_answer_is_cut_off(record_property: Record) -> None:
    record_property("answer", "closed; others are answered")
    with serving(pipelined=5) as api, api.connect() as connection:
        connection.sendall(GET * 5 + GET_LAST)
        assert statuses(answer_of(connection)) == ["200"] * 6
        with api.connect() as hasty:
            hasty.sendall(GET * 100)
            assert len(statuses(answer_of(hasty))) < 100
        assert statuses(api.exchange(GET_LAST)) == ["200"]
