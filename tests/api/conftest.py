import hashlib
import random
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

import pytest
import uvicorn
from litestar.testing import TestClient
from pydantic import SecretStr
from sklearn.pipeline import Pipeline

from api.app import create_app
from api.fast_path import FastPath
from api.http_server.connections import Connections
from api.http_server.limits import ConnectionLimits
from api.http_server.protocol import LimitedProtocol
from readmit.core.compiler import compile_model
from readmit.core.coverage import Coverage
from readmit.core.encounter import BY_NAME, FEATURES
from readmit.core.model import CANDIDATES, fit_candidate, model_input
from readmit.core.probe_set import parity_check_of
from readmit.core.production_history import rollback_target
from readmit.core.version import Note, Version
from readmit.settings import Settings

TOKEN = "a token of the tests"
LOCAL = "http://127.0.0.1"
"""The base URL of test clients: Litestar's default host is not one of READMIT_ALLOWED_HOSTS."""
ROWS = 1_600


@dataclass(frozen=True, slots=True)
class FittedVersion:
    """A version with its fitted pipeline and its compiled model."""

    version: Version
    pipeline: Pipeline
    artifact: bytes


class InMemoryModelSource:
    """Versions in memory. `registry_error`: raised by every call to the registry; `artifact_error`: for artifacts."""

    def __init__(self, *models: FittedVersion) -> None:
        self.versions = {model.version.number: model.version for model in models}
        self.artifacts = {model.version.number: model.artifact for model in models}
        self.alias = models[-1].version if models else None
        self.copy_on_disk: tuple[Version, bytes] | None = None
        self.previous_copy_on_disk: tuple[Version, bytes] | None = None
        self.registry_error: Exception | None = None
        self.artifact_error: Exception | None = None

    def production(self) -> Version | None:
        if self.registry_error:
            raise self.registry_error
        return self.alias

    def artifact(self, version: Version) -> bytes:
        if self.artifact_error:
            raise self.artifact_error
        return self.artifacts[version.number]

    def roll_back(self, to: str | None, by: str, why: str, at: datetime) -> tuple[Version, Version]:
        if self.registry_error:
            raise self.registry_error
        assert self.alias is not None
        noted = Note(at.isoformat(), by, why)
        registered = [replace(version, promoted_note=noted) for version in self.versions.values()]
        previous, current = rollback_target(registered, self.alias, to)
        self.alias = current
        return previous, current

    def store_copy(self, version: Version, artifact: bytes) -> None:
        self.copy_on_disk = version, artifact

    def last_copy(self) -> tuple[Version, bytes] | None:
        return self.copy_on_disk

    def previous_copy(self) -> tuple[Version, bytes] | None:
        return self.previous_copy_on_disk

    def promote(self, model: FittedVersion) -> None:
        self.versions[model.version.number] = model.version
        self.artifacts[model.version.number] = model.artifact
        self.alias = model.version


def _column(name: str, rng: random.Random) -> list[str | int | None]:
    field = BY_NAME[name]
    if field.whole_number:
        numbers = [int(choice) for choice in field.choices] or list(range(field.low, min(field.high, 60) + 1))
        return [rng.choice(numbers) for _ in range(ROWS)]
    codes = {"payer_code": ("MC", "HM"), "medical_specialty": ("InternalMedicine", "Cardiology")}
    return [rng.choice(field.choices or codes.get(name, ("428", "250.83", "V57", "585"))) for _ in range(ROWS)]


def fit_version(candidate: str, **settings: int) -> FittedVersion:
    """Fit a version on random encounters, in which many stays end in a readmission."""
    rng = random.Random(7)
    columns = {name: _column(name, rng) for name in FEATURES}
    outcomes = [int(rng.random() < int(stays or 0) / 60) for stays in columns["number_inpatient"]]
    template = next(item for item in CANDIDATES if item.name == candidate)
    encounters, coverage = model_input(columns), Coverage.of(columns)
    quick = replace(template, settings={**template.settings, **settings})
    pipeline = fit_candidate(quick, 1, encounters, outcomes, range(len(outcomes)))
    artifact = compile_model(pipeline, encounters, coverage, parity_check_of(pipeline, coverage)).to_json()
    digest = hashlib.sha256(artifact).hexdigest()
    version = Version("1", candidate, "within_30_days", 1 / 7, 3, "abc", "def", "run1", {"roc_auc": 0.68}, digest)
    return FittedVersion(version, pipeline, artifact)


@pytest.fixture(scope="session")
def served() -> FittedVersion:
    """Version 1: LightGBM."""
    return fit_version("lightgbm", n_estimators=20)


@pytest.fixture(scope="session")
def additive() -> FittedVersion:
    """Version 3: splines and logistic regression."""
    fitted = fit_version("logistic_regression")
    return replace(fitted, version=replace(fitted.version, number="3"))


@pytest.fixture(scope="session")
def later(served: FittedVersion) -> FittedVersion:
    """Version 2: the same model with a threshold that no encounter reaches."""
    return replace(served, version=replace(served.version, number="2", threshold=0.9999))


@pytest.fixture
def settings() -> Settings:
    return Settings(reload_token=SecretStr(TOKEN), model_poll_seconds=3600)


@pytest.fixture
def model_source(served: FittedVersion) -> InMemoryModelSource:
    return InMemoryModelSource(served)


@pytest.fixture
def client(model_source: InMemoryModelSource, settings: Settings) -> Iterator[TestClient[FastPath]]:
    with TestClient(create_app(model_source, settings), base_url=LOCAL, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def address(model_source: InMemoryModelSource, settings: Settings) -> Iterator[str]:
    """The address of a real server, with the protocol of `python -m api`."""
    protocol: Any = partial(LimitedProtocol, connections=Connections(ConnectionLimits(), max_total=1000))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(create_app(model_source, settings), http=protocol, log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)
