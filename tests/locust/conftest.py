import gc
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

PREDICTION = {"prediction": 1, "probability": 0.2, "model_version": "1"}
RESPONSES: dict[str, object] = {
    "/health": {"model_loaded": True},
    "/model": {"version": "1"},
    "/predict": PREDICTION,
    "/predict_batch": {"predictions": [PREDICTION] * 300},
}

Serve = Callable[..., str]


class _Server(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that disconnect during a response."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _handler(
    seconds: float, lock: AbstractContextManager[object], responses: dict[str, object]
) -> type[BaseHTTPRequestHandler]:
    bodies = {path: json.dumps(response).encode() for path, response in responses.items()}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with lock:
                time.sleep(0 if path == "/health" else seconds)
            self.send_response(200)
            self.send_header("Content-Length", str(len(bodies[path])))
            self.end_headers()
            self.wfile.write(bodies[path])

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    return Handler


@pytest.fixture
def _without_pauses() -> Iterator[None]:
    """Keep the stub responding: a garbage collection of the whole test process takes up to two seconds."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def serve(_without_pauses: None) -> Iterator[Serve]:
    """Start a stub of the inference API that responds after `seconds`, with optional overrides; returns its URL.

    `serial`: one request at a time.
    """
    started = list[_Server]()

    def start(seconds: float = 0.0, serial: bool = False, **overrides: object) -> str:
        responses = RESPONSES | {f"/{path}": response for path, response in overrides.items()}
        server = _Server(("127.0.0.1", 0), _handler(seconds, threading.Lock() if serial else nullcontext(), responses))
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        started.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in started:
        server.shutdown()
        server.socket.close()
