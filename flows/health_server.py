"""The health of the runner for other containers: `GET /health`, and nothing else.

Prefect's own server of a runner has this route, too, but also one that stops the runner without a login. It listens on
this container's loopback address only, and the request is relayed to it.
"""

from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

PORT = 8080
TIMEOUT_SECONDS = 3.0


class RunnerHealthServer(ThreadingHTTPServer):
    """A server that relays `GET /health` to the runner's own server, which listens on `runner_port`."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], runner_port: int) -> None:
        super().__init__(address, _HealthHandler)
        self.runner_port = runner_port

    def start(self) -> None:
        """Serve in a thread that ends with the process."""
        Thread(target=self.serve_forever, name="health", daemon=True).start()


class _HealthHandler(BaseHTTPRequestHandler):
    timeout = TIMEOUT_SECONDS
    server: RunnerHealthServer

    def do_GET(self) -> None:
        status = _runner_status(self.server.runner_port) if self.path == "/health" else HTTPStatus.NOT_FOUND
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: a line every few seconds would hide those of the runs."""


def _runner_status(port: int) -> int:
    """Return the status of the runner's own health route, 503 when it does not respond."""
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status
    except (OSError, HTTPException):
        return HTTPStatus.SERVICE_UNAVAILABLE
    finally:
        connection.close()
