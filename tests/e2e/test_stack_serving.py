"""The API in containers: rollback to another version, and serving without the registry and the stores."""

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.containers import Stack

pytestmark = pytest.mark.e2e
EXAMPLE = json.loads((Path(__file__).parents[2] / "api/example.json").read_text())
STOPPED_SERVICES = ("mlflow", "s3", "mysql")


def prediction(stack: Stack, timeout: float = 60.0) -> dict[str, Any]:
    """Return the response of the API, as soon as there is one."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            response = httpx.post(f"{stack.addresses['api']}/predict", json=EXAMPLE, timeout=10.0, trust_env=False)
            content: dict[str, Any] = response.raise_for_status().json()
            return {name: value for name, value in content.items() if name != "request_id"}
        except httpx.HTTPError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def versions(stack: Stack) -> set[str]:
    response = stack.get("mlflow", "/api/2.0/mlflow/model-versions/search", filter="name='readmit'")
    return {str(version["version"]) for version in response["model_versions"]}


def test_a_finished_rollback_is_served_and_records_its_author_and_reason(stack: Stack) -> None:
    before = str(stack.get("api", "/health")["model_version"])
    target = max(versions(stack) - {before}, key=int)
    arguments = ("--version", target, "--why", "to see it go", "--by", "a test")
    output = stack.run_cli("rollback", *arguments)
    assert f"Version {target} is in production, replacing version {before}" in output
    assert prediction(stack)["model_version"] == target
    version = stack.get("mlflow", "/api/2.0/mlflow/model-versions/get", name="readmit", version=target)["model_version"]
    tags = {tag["key"]: tag["value"] for tag in version["tags"]}
    assert {"by": "a test", "why": "to see it go"}.items() <= json.loads(tags["in_production"]).items()
    lines = stack.project.output("logs", "--no-log-prefix", "flows").splitlines()
    (logged,) = [json.loads(line) for line in lines if '"readmit.rollbacks"' in line]
    assert (logged["version"], logged["replaced"], logged["by"], logged["outcome"]) == (
        target,
        before,
        "a test",
        "served",
    )


def test_the_api_starts_and_serves_while_registry_and_stores_are_unavailable(stack: Stack) -> None:
    before = prediction(stack)
    stack.project.output("stop", *STOPPED_SERVICES)
    try:
        assert prediction(stack) == before
        stack.project.output("restart", "api")
        assert prediction(stack) == before
        assert "the model registry is unavailable" in stack.get("api", "/health/ready")["reload_failure"]
    finally:
        stack.up()
    deadline = time.monotonic() + 30
    while (failure := stack.get("api", "/health/ready")["reload_failure"]) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert failure is None


def test_the_card_in_production_has_every_item_and_the_numbers_of_its_run(stack: Stack) -> None:
    card = stack.get("api", "/model/card")
    registered = stack.get("mlflow", "/api/2.0/mlflow/model-versions/get", name="readmit", version=card["version"])
    tags = {tag["key"]: tag["value"] for tag in registered["model_version"]["tags"]}
    assert card["figures"] == pytest.approx(
        {name.removeprefix("test."): float(text) for name, text in tags.items() if name.startswith("test.")}, abs=1e-6
    )
    sections = {section["id"]: section["items"] for section in card["sections"]}
    assert {name: len(items) for name, items in sections.items()} == {"readmit": 14, "hti_1": 31, "tripod_ai": 52}
    for item in (item for items in sections.values() for item in items):
        assert (item["text"] == ["not available"]) == (not item["available"]), item["id"]
    evaluation = stack.get("api", f"/versions/{card['version']}/evaluation")
    assert hashlib.sha256(_artifact(stack, registered["model_version"]["run_id"])).hexdigest() == tags["evaluation"]
    items = {item["id"]: item for item in sections["readmit"]}
    slope = evaluation["calibration"]["slope"]
    expected = f"{slope['value']:.2f} ({slope['low']:.2f} to {slope['high']:.2f}"
    assert expected in " ".join(items["performance"]["text"]).replace("\N{MINUS SIGN}", "-")
    assert len(items["subgroups"]["table"]["rows"]) == len(evaluation["subgroups"]) > 0
    later = [item for item in stack.get("api", "/prospective")["items"] if item["version"] == card["version"]]
    assert items["prospective"]["available"] is bool(later)


def _artifact(stack: Stack, run: str) -> bytes:
    """Return the evaluation that is stored with a run."""
    address = f"{stack.addresses['mlflow']}/get-artifact"
    parameters = {"run_id": run, "path": "evaluation.json"}
    return httpx.get(address, params=parameters, timeout=30.0, trust_env=False).raise_for_status().content
