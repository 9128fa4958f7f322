"""The routes that read the database: a slow query does not delay the others."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from httpx import Response
from litestar.testing import TestClient

from api.app import create_app
from api.fast_path import FastPath
from api.read_api import bounded_executor
from readmit.io.database import readmission_counts
from readmit.io.database.connection import CLEAN, connect, using
from readmit.io.database.schema import migrate
from readmit.settings import Settings
from tests.api.conftest import InMemoryModelSource
from tests.api.registry import answer_mlflow
from tests.io.conftest import StubResponse, stub_server

__all__ = ["stub_server"]

OTHER_ROUTES = ("/days", "/batches", "/quarantine", "/versions", "/services")
TIMEOUT_SECONDS = 60


@pytest.fixture
def client(
    tmp_path: Path, stub_server: Callable[[Callable[[str], StubResponse]], str]
) -> Iterator[TestClient[FastPath]]:
    """The API over new databases, without a model."""
    database = f"sqlite:///{tmp_path / 'db'}"
    connect(database)
    migrate()
    settings = Settings(database_url=database, mlflow_tracking_uri=stub_server(answer_mlflow), model_poll_seconds=3600)
    with TestClient(create_app(InMemoryModelSource(), settings), base_url="http://127.0.0.1") as client:
        yield client


class SlowCounts:
    """Counts that keep a database connection until `end` is set; `started` is set by the first one."""

    def __init__(self) -> None:
        self.started, self.end = threading.Event(), threading.Event()

    def __call__(self, fields: tuple[str, ...], _: str) -> dict[str, list[tuple[str, int, int]]]:
        with using(CLEAN):
            CLEAN.execute_sql("SELECT COUNT(*) FROM encounters").fetchone()
            self.started.set()
            self.end.wait(TIMEOUT_SECONDS)
        return {field: [] for field in fields}


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowCounts]:
    counts = SlowCounts()
    monkeypatch.setattr(readmission_counts, "query_readmissions", counts)
    yield counts
    counts.end.set()


def request_statistics(threads: ThreadPoolExecutor, client: TestClient[FastPath]) -> "Future[Response]":
    return threads.submit(client.get, "/statistics")


@pytest.mark.attack("slow query", "api")
def test_while_statistics_are_slow_the_other_read_routes_respond(
    client: TestClient[FastPath], slow: SlowCounts, record_property: Callable[[str, object], None]
) -> None:
    with ThreadPoolExecutor() as threads:
        statistics = request_statistics(threads, client)
        assert slow.started.wait(TIMEOUT_SECONDS)
        responses = {path: client.get(path) for path in OTHER_ROUTES}
        assert not statistics.done(), "the query was not slow"
        slow.end.set()
        assert statistics.result(TIMEOUT_SECONDS).status_code == 200
    assert {path: response.status_code for path, response in responses.items()} == dict.fromkeys(OTHER_ROUTES, 200)
    services = {service["name"]: service["state"] for service in responses["/services"].json()["items"]}
    assert services["database"] == "up"
    record_property("answer", "other routes: 200")


@pytest.mark.attack("slow query", "api")
def test_too_many_slow_queries_are_rejected_and_the_other_read_routes_respond(
    client: TestClient[FastPath],
    slow: SlowCounts,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    request_count, limit = 8, 3
    monkeypatch.setattr(bounded_executor, "MAX_WAITING", limit)
    with ThreadPoolExecutor(request_count) as threads:
        requests = [request_statistics(threads, client) for _ in range(request_count)]
        assert slow.started.wait(TIMEOUT_SECONDS)
        statuses = {path: client.get(path).status_code for path in OTHER_ROUTES}
        rejected = wait(requests, TIMEOUT_SECONDS, FIRST_COMPLETED).done
        slow.end.set()
    assert statuses == dict.fromkeys(OTHER_ROUTES, 200)
    assert {request.result().status_code for request in rejected} == {503}
    assert "too many queries are waiting" in rejected.pop().result().text
    record_property("answer", "503")
