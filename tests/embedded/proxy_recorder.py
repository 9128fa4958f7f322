"""A proxy that lets nothing out, and records what was to go out."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

NAMES = ("http_proxy", "https_proxy", "all_proxy")


class _Recorder(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, seen: list[str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen = seen


class _Handler(socketserver.StreamRequestHandler):
    server: _Recorder

    def handle(self) -> None:
        self.server.seen.append(self.rfile.readline(1_000).decode(errors="replace").strip())
        self.wfile.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


@contextmanager
def recording() -> Iterator[tuple[dict[str, str], list[str]]]:
    """Variables that send all outgoing requests to the recorder, and the first lines of those that came."""
    seen: list[str] = []
    with _Recorder(seen) as recorder:
        threading.Thread(target=recorder.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        address = f"http://127.0.0.1:{recorder.server_address[1]}"
        variables = {name: address for lower in NAMES for name in (lower, lower.upper())}
        yield variables | {"no_proxy": "", "NO_PROXY": ""}, seen
        recorder.shutdown()
