"""The API of containers: back to another version, and on without all that it learnt from."""

import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.containers import Stack

pytestmark = pytest.mark.e2e
EXAMPLE = json.loads((Path(__file__).parents[2] / "api/example.json").read_text())
AWAY = ("mlflow", "s3", "mysql")


def predicted(stack: Stack, patience: float = 60.0) -> dict[str, Any]:
    """What the API answers, as soon as there is an answer."""
    deadline = time.monotonic() + patience
    while True:
        try:
            answer = httpx.post(f"{stack.addresses['api']}/predict", json=EXAMPLE, timeout=10.0, trust_env=False)
            told: dict[str, Any] = answer.raise_for_status().json()
            return {name: value for name, value in told.items() if name != "request_id"}
        except httpx.HTTPError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def versions(stack: Stack) -> set[str]:
    found = stack.get("mlflow", "/api/2.0/mlflow/model-versions/search", filter="name='readmit'")
    return {str(version["version"]) for version in found["model_versions"]}


def test_a_rollback_is_served_when_it_is_over_and_notes_who_and_why(stack: Stack) -> None:
    before = str(stack.get("api", "/health")["model_version"])
    goal = max(versions(stack) - {before}, key=int)
    asked = ("--version", goal, "--why", "to see it go", "--by", "a test")
    said = stack.project.output("exec", "-T", "flows", "python", "-m", "readmit.cli", "rollback", *asked)
    assert f"Version {goal} is in production, in the place of version {before}" in said
    assert predicted(stack)["model_version"] == goal
    noted = stack.get("mlflow", "/api/2.0/mlflow/model-versions/get", name="readmit", version=goal)["model_version"]
    tags = {tag["key"]: tag["value"] for tag in noted["tags"]}
    assert {"by": "a test", "why": "to see it go"}.items() <= json.loads(tags["in_production"]).items()


def test_the_api_starts_and_answers_while_registry_and_stores_are_away(stack: Stack) -> None:
    before = predicted(stack)
    stack.project.output("stop", *AWAY)
    try:
        assert predicted(stack) == before
        stack.project.output("restart", "api")
        assert predicted(stack) == before
        assert "the model registry does not answer" in stack.get("api", "/health/ready")["reload_failure"]
    finally:
        stack.up()
    deadline = time.monotonic() + 30
    while (failure := stack.get("api", "/health/ready")["reload_failure"]) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert failure is None
