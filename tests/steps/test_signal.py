"""What `signal` pushes at the end of a day: the ledger and the verdict are real, the servers answer from memory."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from readmit.core.promotion_gates import Predictions, judge
from readmit.io.database import ledger, promotions
from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate
from readmit.io.pushgateway import DayMetrics
from readmit.settings import Settings
from readmit.steps import signal

LOGINS = {"s3_access_key": "user", "s3_secret_key": "secret", "reload_token": "token"}
WITHOUT, WITH = Settings(**LOGINS), Settings(**LOGINS, pushgateway_url="http://pushgateway:9091")
CHANCE = np.random.default_rng(3)
VERDICT = judge(
    "any",
    CHANCE.integers(0, 2, 200).tolist(),
    [str(n) for n in range(200)],
    Predictions("2", 0.5, CHANCE.random(200)),
    None,
    1,
)
Pushed = list[tuple[str, DayMetrics]]


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A day of batch 2 until `promote`, after one of batch 1; what `signal` puts into S3."""
    connect(f"sqlite:///{tmp_path}")
    migrate()
    ledger.update_batch(1, rows=9)
    ledger.mark_done(1)
    ledger.update_batch(2, rows=15, clean=12, quarantined=2, excluded=1, version=2)
    promotions.store(2, "any", VERDICT)
    promotions.mark_applied("2")
    for seconds, outcome in ((9.0, "StoreAway: away"), (1.5, {"raw": 15})):
        ledger.end_step(ledger.begin_step("run", "clean", 2), 2, seconds, outcome)
    objects: dict[str, Any] = {}
    monkeypatch.setattr(signal, "Bucket", lambda *_: SimpleNamespace(put=objects.__setitem__))
    return objects


@pytest.fixture
def pushed(monkeypatch: pytest.MonkeyPatch) -> Pushed:
    """What is pushed, and where to."""
    found: Pushed = []
    monkeypatch.setattr(signal.pushing, "push", lambda url, day: found.append((url, day)))
    return found


@pytest.fixture
def in_production(monkeypatch: pytest.MonkeyPatch) -> Callable[[str | None], None]:
    """Makes a version the one in production; an API confirms it."""
    monkeypatch.setattr(signal.serving, "reload_everywhere", lambda *_: 1)

    def make(number: str | None) -> None:
        version = None if number is None else SimpleNamespace(number=number)
        monkeypatch.setattr(signal, "Registry", lambda _: SimpleNamespace(production=lambda: version))

    return make


@pytest.mark.parametrize(("number", "told"), [("2", 2), (None, None)])
def test_the_days_figures_are_those_of_the_ledger_and_the_verdict(
    number: str | None,
    told: int | None,
    kept: dict[str, Any],
    pushed: Pushed,
    in_production: Callable[[str | None], None],
) -> None:
    in_production(number)
    signal.run(2, WITH)
    ((url, day),) = pushed
    assert url == "http://pushgateway:9091"
    assert (day.batch, day.batches_done, day.production) == (2, 2, told)
    assert day.rows == {"raw": 15, "clean": 12, "quarantined": 2, "excluded": 1}
    assert day.step_seconds == {"clean": 1.5}
    assert day.figures == VERDICT.figures
    report = json.loads(kept["days/0002.json"])
    assert report["verdict"]["figures"] == day.figures
    assert {name: told["seconds"] for name, told in report["steps"].items()} == day.step_seconds


@pytest.mark.usefixtures("kept")
def test_without_the_setting_nothing_is_pushed(pushed: Pushed, in_production: Callable[[str | None], None]) -> None:
    in_production("2")
    assert signal.run(2, WITHOUT)["replicas"] == 1
    assert pushed == []


def test_a_pushgateway_that_is_not_there_does_not_cost_the_day(
    kept: dict[str, Any], in_production: Callable[[str | None], None]
) -> None:
    in_production("2")
    made = signal.run(2, Settings(**LOGINS, pushgateway_url="http://127.0.0.1:9"))
    assert made == {"version": "2", "replicas": 1, "report": "days/0002.json"}
    assert "days/0002.json" in kept
