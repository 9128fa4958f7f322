import random
from collections.abc import Iterator
from dataclasses import replace

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from pydantic import SecretStr

from api.app import create_app
from readmit.core.coverage import Coverage
from readmit.core.encounter import BY_NAME, FEATURES
from readmit.core.model import CANDIDATES, build, model_input
from readmit.core.served import ServedModel
from readmit.core.version import Version
from readmit.settings import Settings

TOKEN = "a token of the tests"
ROWS = 400


class Shelf:
    """Versions in memory in the registry's place. `away`: what every question to it raises."""

    def __init__(self, *models: ServedModel) -> None:
        self.models = {model.version.number: model for model in models}
        self.alias = models[-1].version if models else None
        self.away: Exception | None = None
        self.damaged: Exception | None = None

    def production(self) -> Version | None:
        if self.away:
            raise self.away
        return self.alias

    def load(self, version: Version) -> ServedModel:
        if self.damaged:
            raise self.damaged
        return self.models[version.number]

    def promote(self, model: ServedModel) -> None:
        self.models[model.version.number] = model
        self.alias = model.version


def _column(name: str, chance: random.Random) -> list[str | int | None]:
    field = BY_NAME[name]
    if field.whole_number:
        among = [int(choice) for choice in field.choices] or list(range(field.low, min(field.high, 60) + 1))
        return [chance.choice(among) for _ in range(ROWS)]
    codes = {"payer_code": ("MC", "HM"), "medical_specialty": ("InternalMedicine", "Cardiology")}
    return [chance.choice(field.choices or codes.get(name, ("428", "250.83", "V57", "585"))) for _ in range(ROWS)]


@pytest.fixture(scope="session")
def served() -> ServedModel:
    """Version 1: LightGBM fitted on a few hundred encounters by chance, in which many stays end in a readmission."""
    chance = random.Random(7)
    columns = {name: _column(name, chance) for name in FEATURES}
    outcomes = [int(chance.random() < int(stays or 0) / 60) for stays in columns["number_inpatient"]]
    candidate = next(candidate for candidate in CANDIDATES if candidate.name == "lightgbm")
    candidate = replace(candidate, settings={**candidate.settings, "n_estimators": 20})
    pipeline = build(candidate, seed=1).fit(model_input(columns), outcomes)
    version = Version("1", "lightgbm", "within_30_days", 1 / 7, 3, "abc", "def", "run1", {"roc_auc": 0.68})
    return ServedModel(version, pipeline, Coverage.of(columns))


@pytest.fixture(scope="session")
def later(served: ServedModel) -> ServedModel:
    """Version 2: the same pipeline, under a threshold that nothing reaches."""
    return replace(served, version=replace(served.version, number="2", threshold=0.9999))


@pytest.fixture
def settings() -> Settings:
    return Settings(reload_token=SecretStr(TOKEN), model_poll_seconds=3600)


@pytest.fixture
def shelf(served: ServedModel) -> Shelf:
    return Shelf(served)


@pytest.fixture
def client(shelf: Shelf, settings: Settings) -> Iterator[TestClient[Litestar]]:
    with TestClient(create_app(shelf, settings), raise_server_exceptions=False) as client:
        yield client
