"""The health of the runner for other containers: the status of its own server, and no other route."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import httpx
import pytest

from flows.health_server import RunnerHealthServer


class Runner(BaseHTTPRequestHandler):
    """Stands for Prefect's server of a runner."""

    status = 200
    posts: list[str] = []  # noqa: RUF012 - shared with the test on purpose

    def do_GET(self) -> None:
        self.send_response(type(self).status)
        self.end_headers()

    def do_POST(self) -> None:
        self.posts.append(self.path)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def runner() -> Iterator[HTTPServer]:
    Runner.status = 200
    Runner.posts.clear()
    with HTTPServer(("127.0.0.1", 0), Runner) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def address(runner: HTTPServer) -> Iterator[str]:
    with RunnerHealthServer(("127.0.0.1", 0), runner.server_port) as server:
        server.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_status_is_that_of_the_runner(address: str) -> None:
    assert httpx.get(f"{address}/health", trust_env=False).status_code == 200
    Runner.status = 503
    assert httpx.get(f"{address}/health", trust_env=False).status_code == 503


def test_a_runner_that_does_not_respond_is_unavailable(address: str, runner: HTTPServer) -> None:
    runner.shutdown()
    runner.server_close()
    assert httpx.get(f"{address}/health", trust_env=False).status_code == 503


def test_the_runner_cannot_be_stopped_from_outside(address: str) -> None:
    assert httpx.post(f"{address}/shutdown", trust_env=False).status_code == 501
    assert httpx.get(f"{address}/shutdown", trust_env=False).status_code == 404
    assert Runner.posts == []
