"""Promotions and rollbacks while the real API serves: with its own process, MLflow and S3."""

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from api.example import EXAMPLE
from readmit.core.version import MODEL, SCORER_FILE, SCORER_TAG
from readmit.embedded.stack import Stack
from readmit.io.registry.model_versions import Registry

PROMOTIONS, ROLLBACKS = 20, 5
THREADS, PER_SECOND = 8, 200
TAGS = {"candidate": "lightgbm", "target": "any", "threshold": "0.1", "batch": "3", "snapshot": "abc", "code": "def"}


class StackRegistry:
    """The registry of the stack, to which the tests add versions, and the stack's API."""

    def __init__(self, stack: Stack) -> None:
        self.mlflow = MlflowClient(stack.addresses["mlflow"])
        self.registry = Registry(stack.addresses["mlflow"])
        self.api = httpx.Client(
            base_url=stack.addresses["api"],
            headers={"Authorization": f"Bearer {stack.environment['READMIT_RELOAD_TOKEN']}"},
            trust_env=False,
            timeout=60,
        )

    def add(self, artifact: bytes, hashed: bytes) -> str:
        """Register a version whose file is `artifact`, and whose tag has the hash of `hashed`."""
        run = self.mlflow.create_run("0").info.run_id
        self.mlflow.log_text(run, artifact.decode(), SCORER_FILE)
        tags = {**TAGS, SCORER_TAG: hashlib.sha256(hashed).hexdigest()}
        return str(self.mlflow.create_model_version(MODEL, f"runs:/{run}/model", run, tags).version)

    def promote(self, version: str) -> None:
        self.registry.set_production(version, "promote", "better", datetime.now(UTC))

    def wait_until_served(self, version: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.api.get("/health").json()["model_version"] == version:
                return
            time.sleep(0.05)
        raise AssertionError(f"version {version} is not served: {self.api.get('/health').json()}")


@pytest.fixture
def stack_registry(stack: Stack) -> Iterator[StackRegistry]:
    result = StackRegistry(stack)
    with suppress(MlflowException):
        result.mlflow.delete_registered_model(MODEL)
    result.mlflow.create_registered_model(MODEL)
    yield result
    result.mlflow.delete_registered_model(MODEL)


@contextmanager
def load(address: str) -> Iterator[list[tuple[int, str]]]:
    """Send PER_SECOND requests until the block ends; yield the status and version of each response, in order."""
    responses: list[tuple[int, str]] = []
    stopped = threading.Event()

    def send_requests() -> None:
        with httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
            while not stopped.wait(THREADS / PER_SECOND):
                response = client.post("/predict", json=EXAMPLE)
                responses.append((response.status_code, response.headers.get("x-model-version", "")))

    threads = [threading.Thread(target=send_requests) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    try:
        yield responses
    finally:
        stopped.set()
        for thread in threads:
            thread.join()


def test_promotions_and_rollbacks_under_load_lose_no_request(
    stack: Stack, stack_registry: StackRegistry, served: Any
) -> None:
    numbers = [stack_registry.add(served.artifact, served.artifact) for _ in range(PROMOTIONS)]
    stack_registry.promote(numbers[0])
    stack_registry.api.post("/reload_model").raise_for_status()
    with load(stack.addresses["api"]) as responses:
        for number in numbers[1:]:
            stack_registry.promote(number)
            assert stack_registry.api.post("/reload_model").json()["version"] == number
        for before in numbers[-2 : -2 - ROLLBACKS : -1]:
            result = stack_registry.api.post("/rollback", json={"by": "a test", "why": "to go back"}).json()
            assert (result["version"], result["served"]) == (before, True)
            stack_registry.wait_until_served(before, 30)
    assert {status for status, _ in responses} == {200}
    assert {version for _, version in responses} <= set(numbers)
    assert len(responses) > PER_SECOND


def test_a_promoted_version_is_served_within_seconds_without_a_reload_request(
    stack_registry: StackRegistry, served: Any
) -> None:
    number = stack_registry.add(served.artifact, served.artifact)
    stack_registry.promote(number)
    stack_registry.wait_until_served(number, 15)


def test_an_artifact_with_one_flipped_byte_is_rejected_and_the_old_model_serves(
    stack_registry: StackRegistry, served: Any
) -> None:
    good = stack_registry.add(served.artifact, served.artifact)
    stack_registry.promote(good)
    stack_registry.api.post("/reload_model").raise_for_status()
    # The API has its own copy of the good artifact, and would use it.
    whole = served.artifact + b" "
    flipped = bytearray(whole)
    flipped[flipped.index(b"0.")] ^= 1
    bad = stack_registry.add(bytes(flipped), whole)
    stack_registry.promote(bad)
    rejected = stack_registry.api.post("/reload_model")
    assert rejected.status_code == 503
    assert "SHA-256" in rejected.json()["error"]["message"]
    ready = stack_registry.api.get("/health/ready").json()
    assert (ready["model_version"], "artifact is unusable" in ready["reload_failure"]) == (good, True)
    assert stack_registry.api.post("/predict", json=EXAMPLE).headers["x-model-version"] == good


def test_an_artifact_that_predicts_differently_from_its_model_is_rejected_even_if_its_hash_is_right(
    stack_registry: StackRegistry, served: Any
) -> None:
    good = stack_registry.add(served.artifact, served.artifact)
    stack_registry.promote(good)
    stack_registry.api.post("/reload_model").raise_for_status()
    altered = served.artifact.replace(b'"base": 0.0', b'"base": 0.1')
    assert altered != served.artifact
    stack_registry.promote(stack_registry.add(altered, altered))
    rejected = stack_registry.api.post("/reload_model")
    assert "predictions differ from those at fit time" in rejected.json()["error"]["message"]
    assert stack_registry.api.post("/predict", json=EXAMPLE).headers["x-model-version"] == good
