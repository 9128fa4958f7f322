"""Attacks on the memory and the time of the inference API; each returns the statuses of the responses."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor

from tests.security.api_process import ApiAddress, read_response, request_head, send_bytes

MB = 1_000_000
JSON = "Content-Type: application/json"
CSV = "Content-Type: text/csv"


def status_of(response: bytes) -> str:
    return response[9:12].decode()


def endless_header(api: ApiAddress) -> list[str]:
    """Send one header of 60 MB."""
    with api.connect() as connection:
        send_bytes(connection, request_head("GET", "/") + b"X-Endless: ")
        for _ in range(60):
            if not send_bytes(connection, b"a" * MB):
                break
        return [status_of(read_response(connection))]


def endless_headers(api: ApiAddress) -> list[str]:
    """Send 60 MB of short headers."""
    with api.connect() as connection:
        send_bytes(connection, request_head("GET", "/"))
        for _ in range(60):
            if not send_bytes(connection, b"a:b\r\n" * (MB // 5)):
                break
        return [status_of(read_response(connection))]


def slow_heads(api: ApiAddress) -> list[str]:
    """Send 500 request heads at one byte a second."""
    connections = [api.connect() for _ in range(500)]
    for connection in connections:
        send_bytes(connection, request_head("POST", "/predict", JSON))
    for _ in range(12):
        time.sleep(1)
        for connection in connections:
            send_bytes(connection, b"x")
    return [_closing_status(connection) for connection in connections]


def _closing_status(connection: socket.socket) -> str:
    with connection:
        return status_of(read_response(connection))


def stalled_uploads(api: ApiAddress) -> list[str]:
    """Send 20 bodies of 60 MB without the end, or as much as the server accepts."""

    def upload(_: int) -> str:
        with api.connect(timeout=60) as connection:
            send_bytes(connection, request_head("POST", "/predict_batch", CSV, f"Content-Length: {60 * MB}") + b"\r\n")
            for _ in range(59):
                if not send_bytes(connection, b"a,b\n" * (MB // 4)):
                    break
            return status_of(read_response(connection))

    with ThreadPoolExecutor(20) as threads:
        return list(threads.map(upload, range(20)))


ALL = (endless_header, endless_headers, slow_heads, stalled_uploads)
