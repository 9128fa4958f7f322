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
from readmit.core.model import CANDIDATES, build, model_input
from readmit.core.probe_set import parity_check_of
from readmit.core.production_history import rollback_target
from readmit.core.version import Note, Version
from readmit.settings import Settings

TOKEN = "a token of the tests"
LOCAL = "http://127.0.0.1"
"""What a test's client takes for its server: Litestar's own name for it is none of READMIT_ALLOWED_HOSTS."""
ROWS = 400


@dataclass(frozen=True, slots=True)
class Made:
    """A version with its fitted pipeline, and what is served of it."""

    version: Version
    pipeline: Pipeline
    artifact: bytes


class Shelf:
    """Versions in memory in the registry's place. `away`: what every question to it raises; `damaged`: for a model."""

    def __init__(self, *models: Made) -> None:
        self.versions = {model.version.number: model.version for model in models}
        self.artifacts = {model.version.number: model.artifact for model in models}
        self.alias = models[-1].version if models else None
        self.on_disk: tuple[Version, bytes] | None = None
        self.before_on_disk: tuple[Version, bytes] | None = None
        self.away: Exception | None = None
        self.damaged: Exception | None = None

    def production(self) -> Version | None:
        if self.away:
            raise self.away
        return self.alias

    def artifact(self, version: Version) -> bytes:
        if self.damaged:
            raise self.damaged
        return self.artifacts[version.number]

    def roll_back(self, to: str | None, by: str, why: str, at: datetime) -> tuple[Version, Version]:
        if self.away:
            raise self.away
        assert self.alias is not None
        noted = Note(at.isoformat(), by, why)
        known = [replace(each, promoted_note=noted) for each in self.versions.values()]
        left, goal = rollback_target(known, self.alias, to)
        self.alias = goal
        return left, goal

    def keep(self, version: Version, artifact: bytes) -> None:
        self.on_disk = version, artifact

    def kept(self) -> tuple[Version, bytes] | None:
        return self.on_disk

    def previously_kept(self) -> tuple[Version, bytes] | None:
        return self.before_on_disk

    def promote(self, model: Made) -> None:
        self.versions[model.version.number] = model.version
        self.artifacts[model.version.number] = model.artifact
        self.alias = model.version


def _column(name: str, chance: random.Random) -> list[str | int | None]:
    field = BY_NAME[name]
    if field.whole_number:
        among = [int(choice) for choice in field.choices] or list(range(field.low, min(field.high, 60) + 1))
        return [chance.choice(among) for _ in range(ROWS)]
    codes = {"payer_code": ("MC", "HM"), "medical_specialty": ("InternalMedicine", "Cardiology")}
    return [chance.choice(field.choices or codes.get(name, ("428", "250.83", "V57", "585"))) for _ in range(ROWS)]


def _made(candidate: str, **settings: int) -> Made:
    """Fitted on a few hundred encounters by chance, in which many stays end in a readmission."""
    chance = random.Random(7)
    columns = {name: _column(name, chance) for name in FEATURES}
    outcomes = [int(chance.random() < int(stays or 0) / 60) for stays in columns["number_inpatient"]]
    found = next(each for each in CANDIDATES if each.name == candidate)
    encounters, coverage = model_input(columns), Coverage.of(columns)
    pipeline = build(replace(found, settings={**found.settings, **settings}), seed=1).fit(encounters, outcomes)
    artifact = compile_model(pipeline, encounters, coverage, parity_check_of(pipeline, coverage)).to_json()
    digest = hashlib.sha256(artifact).hexdigest()
    version = Version("1", candidate, "within_30_days", 1 / 7, 3, "abc", "def", "run1", {"roc_auc": 0.68}, digest)
    return Made(version, pipeline, artifact)


@pytest.fixture(scope="session")
def served() -> Made:
    """Version 1: LightGBM."""
    return _made("lightgbm", n_estimators=20)


@pytest.fixture(scope="session")
def additive() -> Made:
    """Version 3: splines and logistic regression."""
    made = _made("logistic_regression")
    return replace(made, version=replace(made.version, number="3"))


@pytest.fixture(scope="session")
def later(served: Made) -> Made:
    """Version 2: the same model, under a threshold that nothing reaches."""
    return replace(served, version=replace(served.version, number="2", threshold=0.9999))


@pytest.fixture
def settings() -> Settings:
    return Settings(reload_token=SecretStr(TOKEN), model_poll_seconds=3600)


@pytest.fixture
def shelf(served: Made) -> Shelf:
    return Shelf(served)


@pytest.fixture
def client(shelf: Shelf, settings: Settings) -> Iterator[TestClient[FastPath]]:
    with TestClient(create_app(shelf, settings), base_url=LOCAL, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def address(shelf: Shelf, settings: Settings) -> Iterator[str]:
    """Of a real server, with the protocol that `python -m api` has."""
    protocol: Any = partial(LimitedProtocol, connections=Connections(ConnectionLimits(), most=1000))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(create_app(shelf, settings), http=protocol, log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)
