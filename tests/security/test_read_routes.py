"""The routes that read the database: one slow question delays nobody else's."""

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
from tests.api.conftest import Shelf
from tests.api.registry import registry
from tests.io.conftest import Answer, answering

__all__ = ["answering"]

OTHERS = ("/days", "/batches", "/quarantine", "/versions", "/services")
PATIENCE_SECONDS = 60


@pytest.fixture
def client(tmp_path: Path, answering: Callable[[Callable[[str], Answer]], str]) -> Iterator[TestClient[FastPath]]:
    """The API over new databases, without a model."""
    database = f"sqlite:///{tmp_path / 'db'}"
    connect(database)
    migrate()
    settings = Settings(database_url=database, mlflow_tracking_uri=answering(registry), model_poll_seconds=3600)
    with TestClient(create_app(Shelf(), settings), base_url="http://127.0.0.1") as client:
        yield client


class SlowCounts:
    """Counts that hold a connection to the database until `end` is set. `begun`: the first one does."""

    def __init__(self) -> None:
        self.begun, self.end = threading.Event(), threading.Event()

    def __call__(self, fields: tuple[str, ...], _: str) -> dict[str, list[tuple[str, int, int]]]:
        with using(CLEAN):
            CLEAN.execute_sql("SELECT COUNT(*) FROM encounters").fetchone()
            self.begun.set()
            self.end.wait(PATIENCE_SECONDS)
        return {field: [] for field in fields}


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowCounts]:
    counts = SlowCounts()
    monkeypatch.setattr(readmission_counts, "readmissions", counts)
    yield counts
    counts.end.set()


def ask_statistics(threads: ThreadPoolExecutor, client: TestClient[FastPath]) -> "Future[Response]":
    return threads.submit(client.get, "/statistics")


@pytest.mark.attack("slow question", "api")
def test_while_statistics_are_slow_the_other_read_routes_answer(
    client: TestClient[FastPath], slow: SlowCounts, record_property: Callable[[str, object], None]
) -> None:
    with ThreadPoolExecutor() as threads:
        statistics = ask_statistics(threads, client)
        assert slow.begun.wait(PATIENCE_SECONDS)
        answers = {path: client.get(path) for path in OTHERS}
        assert not statistics.done(), "the question was not slow"
        slow.end.set()
        assert statistics.result(PATIENCE_SECONDS).status_code == 200
    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(OTHERS, 200)
    services = {each["name"]: each["state"] for each in answers["/services"].json()["items"]}
    assert services["database"] == "up"
    record_property("answer", "other routes: 200")


@pytest.mark.attack("slow question", "api")
def test_a_crowd_of_slow_questions_is_refused_and_the_other_read_routes_answer(
    client: TestClient[FastPath],
    slow: SlowCounts,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    crowd, most = 8, 3
    monkeypatch.setattr(bounded_executor, "MOST_WAITING", most)
    with ThreadPoolExecutor(crowd) as threads:
        asked = [ask_statistics(threads, client) for _ in range(crowd)]
        assert slow.begun.wait(PATIENCE_SECONDS)
        statuses = {path: client.get(path).status_code for path in OTHERS}
        refused = wait(asked, PATIENCE_SECONDS, FIRST_COMPLETED).done
        slow.end.set()
    assert statuses == dict.fromkeys(OTHERS, 200)
    assert {each.result().status_code for each in refused} == {503}
    assert "too many questions wait" in refused.pop().result().text
    record_property("answer", "503")
