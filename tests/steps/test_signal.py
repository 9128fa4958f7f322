"""The metrics that `signal` pushes at the end of a day, with a real ledger and verdict and fake servers."""

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
WITHOUT_GATEWAY, WITH_GATEWAY = Settings(**LOGINS), Settings(**LOGINS, pushgateway_url="http://pushgateway:9091")
RNG = np.random.default_rng(3)
VERDICT = judge(
    "any",
    RNG.integers(0, 2, 200).tolist(),
    [str(n) for n in range(200)],
    Predictions("2", 0.5, RNG.random(200)),
    None,
    1,
)
Pushes = list[tuple[str, DayMetrics]]


@pytest.fixture
def objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Record a day of batch 2 until `promote`, after one of batch 1; return what `signal` puts into S3."""
    connect(f"sqlite:///{tmp_path}")
    migrate()
    ledger.update_batch(1, rows=9)
    ledger.mark_done(1)
    ledger.update_batch(2, rows=15, clean=12, quarantined=2, excluded=1, version=2)
    promotions.store_verdict(2, "any", VERDICT)
    promotions.mark_applied("2")
    for seconds, outcome in ((9.0, "StoreUnavailable: no answer"), (1.5, {"raw": 15})):
        ledger.finish_step(ledger.start_step("run", "clean", 2), 2, seconds, outcome)
    stored: dict[str, Any] = {}
    monkeypatch.setattr(signal, "Bucket", lambda *_: SimpleNamespace(put=stored.__setitem__))
    return stored


@pytest.fixture
def pushes(monkeypatch: pytest.MonkeyPatch) -> Pushes:
    """Record the URL and the metrics of each push."""
    calls: Pushes = []
    monkeypatch.setattr(signal.pushgateway, "push", lambda url, day: calls.append((url, day)))
    return calls


@pytest.fixture
def in_production(monkeypatch: pytest.MonkeyPatch) -> Callable[[str | None], None]:
    """Return a function that puts a version into production, which one API confirms."""
    monkeypatch.setattr(signal.api_reload, "reload_all", lambda *_: 1)

    def set_version(number: str | None) -> None:
        version = None if number is None else SimpleNamespace(number=number)
        monkeypatch.setattr(signal, "Registry", lambda _: SimpleNamespace(production=lambda: version))

    return set_version


@pytest.mark.parametrize(("number", "pushed"), [("2", 2), (None, None)])
def test_the_days_figures_are_those_of_the_ledger_and_the_verdict(
    number: str | None,
    pushed: int | None,
    objects: dict[str, Any],
    pushes: Pushes,
    in_production: Callable[[str | None], None],
) -> None:
    in_production(number)
    signal.run(2, WITH_GATEWAY)
    ((url, day),) = pushes
    assert url == "http://pushgateway:9091"
    assert (day.batch, day.batches_done, day.production) == (2, 2, pushed)
    assert day.rows == {"raw": 15, "clean": 12, "quarantined": 2, "excluded": 1}
    assert day.step_seconds == {"clean": 1.5}
    assert day.figures == VERDICT.figures
    report = json.loads(objects["days/0002.json"])
    assert report["verdict"]["figures"] == day.figures
    assert {name: step["seconds"] for name, step in report["steps"].items()} == day.step_seconds


@pytest.mark.usefixtures("objects")
def test_without_the_setting_nothing_is_pushed(pushes: Pushes, in_production: Callable[[str | None], None]) -> None:
    in_production("2")
    assert signal.run(2, WITHOUT_GATEWAY)["replicas"] == 1
    assert pushes == []


def test_an_unavailable_pushgateway_does_not_fail_the_day(
    objects: dict[str, Any], in_production: Callable[[str | None], None]
) -> None:
    in_production("2")
    facts = signal.run(2, Settings(**LOGINS, pushgateway_url="http://127.0.0.1:9"))
    assert facts == {"version": "2", "replicas": 1, "report": "days/0002.json"}
    assert "days/0002.json" in objects
