"""A proxy that blocks all outgoing requests and records them."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

NAMES = ("http_proxy", "https_proxy", "all_proxy")


class _Recorder(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, requests: list[str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests = requests


class _Handler(socketserver.StreamRequestHandler):
    server: _Recorder

    def handle(self) -> None:
        self.server.requests.append(self.rfile.readline(1_000).decode(errors="replace").strip())
        self.wfile.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


@contextmanager
def record_requests() -> Iterator[tuple[dict[str, str], list[str]]]:
    """Variables that send all outgoing requests to the recorder, and the request lines received."""
    requests: list[str] = []
    with _Recorder(requests) as recorder:
        threading.Thread(target=recorder.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        address = f"http://127.0.0.1:{recorder.server_address[1]}"
        variables = {name: address for lower in NAMES for name in (lower, lower.upper())}
        yield variables | {"no_proxy": "", "NO_PROXY": ""}, requests
        recorder.shutdown()
