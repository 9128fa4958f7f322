"""What is pushed of a step after each attempt at it."""

import logging
import time
from pathlib import Path

import pytest

from readmit.core.errors import (
    ContractViolated,
    MissingBatches,
    StoreUnavailable,
)
from readmit.io.database import day_queries, ledger
from readmit.pipeline import BY_NAME, STEPS, Facts, RunRequest, run_step_in_process
from readmit.step_attempt import attempt
from tests.attempt_metrics.conftest import (
    CHECK_SOURCE,
    CLEAN,
    RUN,
    SLOW,
    Fake,
    lease_batch,
    value_of,
)
from tests.pushgateway_recorder import PushgatewayRecorder


@pytest.mark.parametrize("step", STEPS[1:], ids=lambda step: step.name)
def test_every_step_pushes_after_a_success_and_after_a_failure(
    step: object, fake: Fake, gateway: PushgatewayRecorder
) -> None:
    name = str(getattr(step, "name", ""))
    lease_batch()
    fake(name, {"rows": 1, "version": "2"})
    attempt(BY_NAME[name], RUN)
    done = gateway.step(name)
    assert SLOW <= done["seconds"] < 30
    assert done["peak_memory_bytes"] > 10 * 1024**2
    assert done["succeeded_timestamp_seconds"] == pytest.approx(time.time(), abs=30)
    assert "failed_timestamp_seconds" not in done
    fake(name, ContractViolated("rows are missing"))
    lease_batch()
    with pytest.raises(ContractViolated, match="^rows are missing$"):
        attempt(BY_NAME[name], RUN)
    failed = gateway.step(name)
    assert failed["failed_timestamp_seconds"] > done["succeeded_timestamp_seconds"]
    assert {key: failed[key] for key in ("seconds", "succeeded_timestamp_seconds")} == {
        key: done[key] for key in ("seconds", "succeeded_timestamp_seconds")
    }
    assert value_of(gateway, "readmit_day_batch") == 1


def test_check_source_pushes_after_a_success_and_after_a_failure(gateway: PushgatewayRecorder) -> None:
    with pytest.raises(MissingBatches):
        attempt(CHECK_SOURCE, RunRequest("a", 3))
    assert "succeeded_timestamp_seconds" not in gateway.step("check_source")
    assert "failed_timestamp_seconds" in gateway.step("check_source")
    assert value_of(gateway, "readmit_day_batch") is None
    lease_batch()
    assert "succeeded_timestamp_seconds" in gateway.step("check_source")


def test_a_step_in_a_process_of_its_own_as_airflow_starts_it_pushes_the_same(
    fake: Fake, gateway: PushgatewayRecorder
) -> None:
    lease_batch()
    admission: Facts = {"go_on": True, "batch": 1}
    fake("clean", {"clean": 3})
    assert run_step_in_process("clean", RunRequest("a", None), admission) == {"clean": 3}
    assert "failed_timestamp_seconds" not in gateway.step("clean")
    fake("clean", MissingBatches("batch 1 is missing"))
    with pytest.raises(RuntimeError, match="batch 1 is missing"):
        run_step_in_process("clean", RunRequest("a", None), admission)
    assert gateway.step("clean").keys() >= {"failed_timestamp_seconds", "succeeded_timestamp_seconds", "seconds"}


def test_an_interrupted_step_pushes_that_it_failed(fake: Fake, gateway: PushgatewayRecorder) -> None:
    lease_batch()
    fake("clean", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        attempt(CLEAN, RUN)
    assert "failed_timestamp_seconds" in gateway.step("clean")


def test_without_the_setting_nothing_is_pushed_or_measured(
    fake: Fake, gateway: PushgatewayRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("READMIT_PUSHGATEWAY_URL")
    for function in ("readmit.io.pushgateway.push", "readmit.io.process_memory.reset_peak"):
        monkeypatch.setattr(function, lambda *_: pytest.fail("it was called"))
    lease_batch()
    fake("clean", {"clean": 3})
    assert attempt(CLEAN, RUN) == {"clean": 3}
    assert gateway.pushes == []


@pytest.mark.parametrize("status", [None, 400], ids=["unavailable", "rejecting"])
def test_a_pushgateway_that_fails_only_causes_a_warning(
    status: int | None,
    fake: Fake,
    gateway: PushgatewayRecorder,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if status is None:
        monkeypatch.setenv("READMIT_PUSHGATEWAY_URL", "http://127.0.0.1:9")
    else:
        gateway.status = status
    lease_batch()
    fake("clean", {"clean": 3})
    with caplog.at_level(logging.WARNING):
        assert attempt(CLEAN, RUN) == {"clean": 3}
        fake("clean", ContractViolated("rows are missing"))
        with pytest.raises(ContractViolated, match="^rows are missing$"):
            attempt(CLEAN, RUN)
    assert "READMIT_PUSHGATEWAY_URL" in caplog.text
    assert [run.state for run in ledger.list_step_runs()] == ["done", "done", "failed"]


@pytest.mark.parametrize("error", [StoreUnavailable("raw_data_db: no answer"), ValueError("a damaged verdict")])
def test_a_ledger_that_cannot_be_read_still_pushes_the_metrics_of_the_step(
    error: Exception,
    fake: Fake,
    gateway: PushgatewayRecorder,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    lease_batch()

    def fail() -> None:
        raise error

    monkeypatch.setattr(day_queries, "read_ledger_state", fail)
    gateway.groups.clear()
    fake("clean", {"clean": 3})
    with caplog.at_level(logging.WARNING):
        assert attempt(CLEAN, RUN) == {"clean": 3}
    assert list(gateway.groups) == ["/metrics/job/flows/step/clean"]
    assert str(error) in caplog.text


def test_a_step_that_fails_because_the_database_is_unavailable_pushes_that_it_failed(
    gateway: PushgatewayRecorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("READMIT_DATABASE_URL", f"sqlite:///{tmp_path / 'without tables'}")
    with pytest.raises(StoreUnavailable):
        attempt(CLEAN, RUN)
    assert list(gateway.groups) == ["/metrics/job/flows/step/clean"]
    assert "failed_timestamp_seconds" in gateway.step("clean")
