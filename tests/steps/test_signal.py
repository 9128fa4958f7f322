"""The report that `signal` writes at the end of a day, with a real ledger and verdict and fake servers."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from readmit.io.database import ledger, promotions
from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate
from readmit.settings import Settings
from readmit.steps import signal
from tests.made_predictions import GOOD, verdict

SETTINGS = Settings(s3_access_key="user", s3_secret_key="secret", reload_token="token")
VERDICT = verdict(GOOD)


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
def in_production(monkeypatch: pytest.MonkeyPatch) -> Callable[[str | None], None]:
    """Return a function that puts a version into production, which one API confirms."""
    monkeypatch.setattr(signal.api_reload, "reload_all", lambda *_: 1)

    def set_version(number: str | None) -> None:
        version = None if number is None else SimpleNamespace(number=number)
        monkeypatch.setattr(signal, "Registry", lambda _: SimpleNamespace(production=lambda: version))

    return set_version


def test_the_days_report_has_the_last_successful_attempts_and_the_verdict(
    objects: dict[str, Any], in_production: Callable[[str | None], None]
) -> None:
    in_production("2")
    assert signal.run(2, SETTINGS) == {"version": "2", "replicas": 1, "report": "days/0002.json"}
    report = json.loads(objects["days/0002.json"])
    assert report["batch"] == 2
    assert report["steps"] == {"clean": {"seconds": 1.5, "raw": 15}}
    assert report["verdict"]["figures"] == VERDICT.figures


def test_without_a_version_in_production_no_api_has_to_confirm_one(
    objects: dict[str, Any], in_production: Callable[[str | None], None]
) -> None:
    in_production(None)
    assert signal.run(2, SETTINGS) == {"version": None, "replicas": 0, "report": "days/0002.json"}
    assert "days/0002.json" in objects
