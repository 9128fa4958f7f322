"""Attempts at fake steps, with real SQLite and a real HTTP server as the Pushgateway."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from readmit import step_attempt
from readmit.io import source_client
from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate
from readmit.pipeline import BY_NAME, Facts, RunRequest
from readmit.step_attempt import attempt
from tests.made_predictions import GOOD, MEDIOCRE, verdict
from tests.pushgateway_recorder import PushgatewayRecorder, Series, recording_pushgateway

RUN, SLOW = RunRequest("a", 1), 0.02
CHECK_SOURCE, CLEAN, SIGNAL = BY_NAME["check_source"], BY_NAME["clean"], BY_NAME["signal"]
VERDICT = verdict(GOOD, MEDIOCRE)
"""Version 2 is promoted, against version 1."""
Fake = Callable[[str, Facts | BaseException], None]


@pytest.fixture(autouse=True)
def empty_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Provide empty databases, and a source that has released three batches."""
    monkeypatch.setenv("READMIT_DATABASE_URL", f"sqlite:///{tmp_path / 'db'}")
    connect(f"sqlite:///{tmp_path / 'db'}")
    migrate()
    monkeypatch.setattr(source_client, "fetch_state", lambda _: source_client.SourceState("sample", 20, 5, 3, False))
    monkeypatch.setattr(step_attempt, "POLL_SECONDS", 0.01)


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[PushgatewayRecorder]:
    """Run a Pushgateway that READMIT_PUSHGATEWAY_URL names."""
    with recording_pushgateway() as recorder:
        monkeypatch.setenv("READMIT_PUSHGATEWAY_URL", recorder.url)
        yield recorder


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Return a function that replaces a step by one that returns these facts or raises this error."""

    def replace_step(name: str, result: Facts | BaseException) -> None:
        def run(*_: object) -> Facts:
            time.sleep(SLOW)
            if isinstance(result, BaseException):
                raise result
            return result

        monkeypatch.setattr(f"readmit.steps.{name}.run", run)

    return replace_step


def lease_batch(batch: int = 1) -> None:
    """Leave batch 1, or another, chosen and leased by run `a`."""
    assert attempt(CHECK_SOURCE, RunRequest("a", batch))["go_on"] is True


def day(series: Series, metric: str) -> dict[tuple[str, ...], float]:
    """Return the values of a metric by its label values."""
    return {labels: value for (name, *rest), value in series.items() if name == metric for labels in [tuple(rest)]}


def value_of(gateway: PushgatewayRecorder, metric: str) -> float | None:
    return day(gateway.series(), metric).get(())
