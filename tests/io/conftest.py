from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture
def answering() -> Iterator[Callable[[Callable[[str], Answer]], str]]:
    """Starts a server on 127.0.0.1 that answers each path as a function says; gives its address."""
    with ExitStack() as held:

        def start(answer: Callable[[str], Answer]) -> str:
            class Handler(BaseHTTPRequestHandler):
                def do_GET(self) -> None:
                    status, headers, body = answer(self.path)
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

                do_POST = do_GET  # noqa: N815 - the name that http.server asks for

                def log_message(self, *_: object) -> None:
                    """Says nothing."""

            server = held.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
            Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
            held.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_port}"

        yield start
