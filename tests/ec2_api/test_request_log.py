"""Each request to the data API is one JSON line, and nothing in it comes from the client."""

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from ec2_api.settings import SourceSettings
from tests.ec2_api.source_process import running, within


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, Any]]]:
    """Return the lines that were logged so far."""
    caplog.set_level(logging.INFO)
    return lambda: [json.loads(item.getMessage()) for item in caplog.records if item.name == "ec2_api.requests"]


def test_a_line_has_the_route_the_batch_the_status_and_the_seconds(
    serve: Callable[[SourceSettings], FlaskClient],
    make_settings: Callable[..., SourceSettings],
    lines: Callable[[], list[dict[str, Any]]],
) -> None:
    client = serve(make_settings(SOURCE_INTERVAL_SECONDS=60))
    for path in ("/batches/1?format=csv", "/get_data", "/batches/3", "/batches/918273645", "/918273645", "/health"):
        client.get(path)
    client.open("/health", method="PATIENT")
    logged = lines()
    assert [(line["method"], line["route"], line.get("batch"), line["status"]) for line in logged] == [
        ("GET", "/batches/<number>", 1, 200),
        ("GET", "/get_data", 1, 200),
        ("GET", "/batches/<number>", 3, 425),
        ("GET", "/batches/<number>", None, 404),
        ("GET", "unknown", None, 404),
        ("GET", "/health", None, 200),
        ("other", "unknown", None, 405),
    ]
    assert all(0 <= line["seconds"] < 60 and line["at"] and line["level"] == "info" for line in logged)
    assert "918273645" not in json.dumps(logged)


def test_the_process_writes_the_lines_to_standard_error_as_they_are(tmp_path: Path, small_csv: Path) -> None:
    variables = {"DATA": str(small_csv), "SOURCE_STATE": str(tmp_path / "state"), "SOURCE_DOWNLOAD_URL": ""}
    log = tmp_path / "log"
    with running(log, **variables) as (process, client):
        client.get("/health").raise_for_status()
        match = within(10, lambda: re.search(r"^{.*ec2_api\.requests.*}$", log.read_text(), re.MULTILINE), process)
    assert json.loads(match[0])["route"] == "/health"
