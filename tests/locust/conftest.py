import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

ANSWER = {"prediction": 1, "probability": 0.2, "model_version": "1"}
ANSWERS: dict[str, object] = {
    "/health": {"model_loaded": True},
    "/model": {"version": "1"},
    "/predict": ANSWER,
    "/predict_batch": {"predictions": [ANSWER] * 300},
}

Serve = Callable[..., str]


class _Server(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A user who goes in the middle of an answer is no news."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _handler(
    seconds: float, turn: AbstractContextManager[object], answers: dict[str, object]
) -> type[BaseHTTPRequestHandler]:
    bodies = {path: json.dumps(told).encode() for path, told in answers.items()}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with turn:
                time.sleep(0 if path == "/health" else seconds)
            self.send_response(200)
            self.send_header("Content-Length", str(len(bodies[path])))
            self.end_headers()
            self.wfile.write(bodies[path])

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """The log of a test stays the test's."""

    return Handler


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts what answers like the inference API after so many seconds, in its words or in others; its address.

    `in_turn`: one request at a time.
    """
    started = list[_Server]()

    def start(seconds: float = 0.0, in_turn: bool = False, **others: object) -> str:
        answers = ANSWERS | {f"/{path}": told for path, told in others.items()}
        server = _Server(("127.0.0.1", 0), _handler(seconds, threading.Lock() if in_turn else nullcontext(), answers))
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        started.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in started:
        server.shutdown()
        server.socket.close()
