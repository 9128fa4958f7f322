"""Versions come and go while the real API answers: on its own process, MLflow and S3."""

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


class Shelf:
    """The registry of the stack, with versions that are made by hand, and the stack's API."""

    def __init__(self, stack: Stack) -> None:
        self.mlflow = MlflowClient(stack.addresses["mlflow"])
        self.registry = Registry(stack.addresses["mlflow"])
        self.api = httpx.Client(
            base_url=stack.addresses["api"],
            headers={"Authorization": f"Bearer {stack.environment['READMIT_RELOAD_TOKEN']}"},
            trust_env=False,
            timeout=60,
        )

    def add(self, artifact: bytes, told: bytes) -> str:
        """A version whose file is `artifact`, and whose tag has the hash of `told`."""
        run = self.mlflow.create_run("0").info.run_id
        self.mlflow.log_text(run, artifact.decode(), SCORER_FILE)
        tags = {**TAGS, SCORER_TAG: hashlib.sha256(told).hexdigest()}
        return str(self.mlflow.create_model_version(MODEL, f"runs:/{run}/model", run, tags).version)

    def promote(self, version: str) -> None:
        self.registry.name_production(version, "promote", "better", datetime.now(UTC))

    def wait_until_served(self, version: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.api.get("/health").json()["model_version"] == version:
                return
            time.sleep(0.05)
        raise AssertionError(f"version {version} is not served: {self.api.get('/health').json()}")


@pytest.fixture
def shelf(stack: Stack) -> Iterator[Shelf]:
    made = Shelf(stack)
    with suppress(MlflowException):
        made.mlflow.delete_registered_model(MODEL)
    made.mlflow.create_registered_model(MODEL)
    yield made
    made.mlflow.delete_registered_model(MODEL)


@contextmanager
def load(address: str) -> Iterator[list[tuple[int, str]]]:
    """PER_SECOND requests until the block ends: status and version of each answer, in the order of their coming."""
    answers: list[tuple[int, str]] = []
    over = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
            while not over.wait(THREADS / PER_SECOND):
                response = client.post("/predict", json=EXAMPLE)
                answers.append((response.status_code, response.headers.get("x-model-version", "")))

    threads = [threading.Thread(target=ask) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_promotions_and_rollbacks_under_load_cost_nobody_his_answer(stack: Stack, shelf: Shelf, served: Any) -> None:
    numbers = [shelf.add(served.artifact, served.artifact) for _ in range(PROMOTIONS)]
    shelf.promote(numbers[0])
    shelf.api.post("/reload_model").raise_for_status()
    with load(stack.addresses["api"]) as answers:
        for number in numbers[1:]:
            shelf.promote(number)
            assert shelf.api.post("/reload_model").json()["version"] == number
        for before in numbers[-2 : -2 - ROLLBACKS : -1]:
            told = shelf.api.post("/rollback", json={"by": "a test", "why": "to go back"}).json()
            assert (told["version"], told["served"]) == (before, True)
            shelf.wait_until_served(before, 30)
    assert {status for status, _ in answers} == {200}
    assert {version for _, version in answers} <= set(numbers)
    assert len(answers) > PER_SECOND


def test_a_promoted_version_is_served_within_seconds_though_nobody_told_the_api(shelf: Shelf, served: Any) -> None:
    number = shelf.add(served.artifact, served.artifact)
    shelf.promote(number)
    shelf.wait_until_served(number, 15)


def test_an_artifact_with_one_byte_flipped_is_refused_and_the_old_model_serves(shelf: Shelf, served: Any) -> None:
    good = shelf.add(served.artifact, served.artifact)
    shelf.promote(good)
    shelf.api.post("/reload_model").raise_for_status()
    # Of the good one the API has a copy of its own, which it would rightly take.
    whole = served.artifact + b" "
    flipped = bytearray(whole)
    flipped[flipped.index(b"0.")] ^= 1
    bad = shelf.add(bytes(flipped), whole)
    shelf.promote(bad)
    refused = shelf.api.post("/reload_model")
    assert refused.status_code == 503
    assert "SHA-256" in refused.json()["error"]["message"]
    ready = shelf.api.get("/health/ready").json()
    assert (ready["model_version"], "artifact is unusable" in ready["reload_failure"]) == (good, True)
    assert shelf.api.post("/predict", json=EXAMPLE).headers["x-model-version"] == good


def test_an_artifact_that_says_other_than_its_model_did_is_refused_even_if_its_hash_is_right(
    shelf: Shelf, served: Any
) -> None:
    good = shelf.add(served.artifact, served.artifact)
    shelf.promote(good)
    shelf.api.post("/reload_model").raise_for_status()
    apart = served.artifact.replace(b'"base": 0.0', b'"base": 0.1')
    assert apart != served.artifact
    shelf.promote(shelf.add(apart, apart))
    refused = shelf.api.post("/reload_model")
    assert "says other than when it was fitted" in refused.json()["error"]["message"]
    assert shelf.api.post("/predict", json=EXAMPLE).headers["x-model-version"] == good
