"""The lines of the log, and a log that cannot be written, which loses lines and nothing else."""

import fcntl
import json
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from api.access_log import JsonLines, LogOutput
from api.app import create_app
from api.example import EXAMPLE
from readmit.settings import Settings
from tests.api.conftest import LOCAL, TOKEN

LINE = json.dumps({"message": "x" * 100}) + "\n"
LINES = 1_000
SMALLEST_PIPE = 4096


@pytest.fixture
def pipe() -> Iterator[tuple[int, Callable[[], str]]]:
    """A descriptor that accepts one page, and a function that empties it."""
    outgoing, incoming = os.pipe()
    fcntl.fcntl(incoming, fcntl.F_SETPIPE_SZ, SMALLEST_PIPE)
    os.set_blocking(incoming, False)
    yield incoming, lambda: os.read(outgoing, 2**20).decode()
    os.close(outgoing)
    os.close(incoming)


def test_lines_that_do_not_fit_are_counted_and_the_log_resumes_with_a_whole_line(
    pipe: tuple[int, Callable[[], str]],
) -> None:
    descriptor, read = pipe
    output = LogOutput(descriptor)
    output.write(LINE * LINES)
    written = read()
    assert not written.endswith("\n"), "the last line is cut off"
    assert output.dropped == LINES - written.count("\n")
    output.write(LINE)
    assert read() == "\n" + LINE
    output.write(LINE)
    assert read() == LINE
    assert output.dropped == LINES - written.count("\n")


def test_a_line_that_was_cut_off_is_ended_once_writes_succeed(pipe: tuple[int, Callable[[], str]]) -> None:
    descriptor, read = pipe
    output = LogOutput(descriptor)
    output.write(LINE * LINES)
    dropped = output.dropped
    output.write(LINE * 3)
    assert output.dropped == dropped + 3
    read()
    output.write(LINE)
    assert read() == "\n" + LINE


def requests_in(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines() if '"readmit.requests"' in line]


def test_each_request_is_one_line_with_its_id_route_status_seconds_and_the_version_that_predicted(
    model_source: Any, settings: Settings, tmp_path: Path
) -> None:
    with (
        (tmp_path / "log").open("wb") as file,
        TestClient(create_app(model_source, settings, LogOutput(file.fileno())), base_url=LOCAL) as client,
    ):
        plain = client.post("/predict", json=EXAMPLE)
        explained = client.post("/predict?explain=true", json=EXAMPLE)
        client.post("/predict", json={"race": "918273645"})
        client.get("/nowhere?encounter_id=918273645", headers={"X-Request-ID": "mine"})
    lines = requests_in(tmp_path / "log")
    assert [(line["method"], line["route"], line["status"], line.get("version")) for line in lines] == [
        ("POST", "/predict", 200, "1"),
        ("POST", "/predict", 200, "1"),
        ("POST", "/predict", 422, None),
        ("GET", "unknown", 404, None),
    ]
    assert [line["request_id"] for line in lines[:2]] == [item.headers["x-request-id"] for item in (plain, explained)]
    assert lines[-1]["request_id"] == "mine"
    assert all(0 <= line["seconds"] < 60 and line["at"] and line["level"] == "info" for line in lines)
    assert "918273645" not in (tmp_path / "log").read_text()


def test_a_rollback_is_one_line_with_both_versions_and_without_its_reason(
    model_source: Any, later: Any, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    model_source.promote(later)
    body = {"by": "ana", "why": "patient 918273645 was flagged"}
    with (
        caplog.at_level(logging.INFO),
        TestClient(create_app(model_source, settings), base_url=LOCAL) as client,
    ):
        client.post("/rollback", json=body, headers={"Authorization": f"Bearer {TOKEN}"}).raise_for_status()
    (record,) = (record for record in caplog.records if record.name == "readmit.rollbacks")
    line = json.loads(JsonLines().format(record))
    assert (line["replaced"], line["version"], line["by"], line["outcome"]) == ("2", "1", "ana", "served")
    assert line["seconds"] >= 0
    assert "918273645" not in caplog.text
