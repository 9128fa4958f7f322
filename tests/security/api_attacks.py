"""Attacks on the memory and the patience of the inference API, each at an address: the statuses that it answers."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor

from tests.security.api_process import ApiAddress, answer_of, head, send

MB = 1_000_000
JSON = "Content-Type: application/json"
CSV = "Content-Type: text/csv"


def status(answer: bytes) -> str:
    return answer[9:12].decode()


def endless_header(api: ApiAddress) -> list[str]:
    """60 MB of one header."""
    with api.connect() as connection:
        send(connection, head("GET", "/") + b"X-Endless: ")
        for _ in range(60):
            if not send(connection, b"a" * MB):
                break
        return [status(answer_of(connection))]


def endless_headers(api: ApiAddress) -> list[str]:
    """60 MB of many short ones."""
    with api.connect() as connection:
        send(connection, head("GET", "/"))
        for _ in range(60):
            if not send(connection, b"a:b\r\n" * (MB // 5)):
                break
        return [status(answer_of(connection))]


def slow_heads(api: ApiAddress) -> list[str]:
    """500 heads of which a byte comes every second."""
    connections = [api.connect() for _ in range(500)]
    for each in connections:
        send(each, head("POST", "/predict", JSON))
    for _ in range(12):
        time.sleep(1)
        for each in connections:
            send(each, b"x")
    return [_closing_status(each) for each in connections]


def _closing_status(connection: socket.socket) -> str:
    with connection:
        return status(answer_of(connection))


def stalled_uploads(api: ApiAddress) -> list[str]:
    """20 bodies of 60 MB, of which all but the last byte comes, or as much as is taken."""

    def upload(_: int) -> str:
        with api.connect(timeout=60) as connection:
            send(connection, head("POST", "/predict_batch", CSV, f"Content-Length: {60 * MB}") + b"\r\n")
            for _ in range(59):
                if not send(connection, b"a,b\n" * (MB // 4)):
                    break
            return status(answer_of(connection))

    with ThreadPoolExecutor(20) as threads:
        return list(threads.map(upload, range(20)))


ALL = (endless_header, endless_headers, slow_heads, stalled_uploads)
