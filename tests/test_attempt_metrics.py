"""What is pushed after each attempt at a step: real SQLite and a real HTTP server, with fake steps."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from readmit import step_attempt
from readmit.core.cleaning import FAULTS_SCHEMA
from readmit.core.errors import (
    ContractViolated,
    InstanceNotFound,
    MissingBatches,
    PrerequisiteMissing,
    SourceUnavailable,
    StoreUnavailable,
)
from readmit.core.verdict import Verdict
from readmit.io import source_client
from readmit.io.database import day_queries, ledger, promotions, rows, set_aside_batches
from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate
from readmit.pipeline import BY_NAME, STEPS, Facts, RunRequest, run_step_in_process
from readmit.step_attempt import attempt
from tests.core.test_promotion_gates import GOOD, blended, verdict
from tests.pushgateway_recorder import PushgatewayRecorder, Series, recording_pushgateway

RUN, SLOW = RunRequest("a", 1), 0.02
CHECK_SOURCE, CLEAN, SIGNAL = BY_NAME["check_source"], BY_NAME["clean"], BY_NAME["signal"]
VERDICT = verdict(GOOD, blended(0.3))
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


def faults(*cells: tuple[int, str]) -> pl.DataFrame:
    data = [{"position": position, "encounter_id": "7", "field": field, "reason": "odd"} for position, field in cells]
    return pl.DataFrame(data, FAULTS_SCHEMA)


def record_day(batch: int, version: int, result: Verdict) -> None:
    """Leave batch, quarantine, version and verdict as the steps before `signal` do."""
    ledger.update_batch(batch, rows=15, clean=12, quarantined=2, excluded=1, version=version)
    rows.replace_quarantine(batch, faults((1, "age"), (2, "age"), (2, "race")))
    promotions.store_verdict(batch, "within_30_days", result)
    facts: dict[str, object] = {"target": "within_30_days", "lightgbm.roc_auc": 0.61, "lightgbm.ece": float("nan")}
    number = ledger.start_step("a", "train", batch)
    ledger.finish_step(number, batch, 3.0, facts | {"lightgbm.run": "4f2a", "lightgbm.accuracy": 0.9})


def test_the_metrics_of_a_day_are_those_of_the_ledger_after_its_last_step(
    fake: Fake, gateway: PushgatewayRecorder
) -> None:
    lease_batch()
    record_day(1, 2, VERDICT)
    fake("signal", {"version": "2", "replicas": 1})
    attempt(SIGNAL, RUN)
    series = gateway.series()
    single = {name: value for (name, *labels), value in series.items() if not labels}
    times = {
        single.pop(name) for name in ("readmit_day_finished_timestamp_seconds", "readmit_batch_done_timestamp_seconds")
    }
    assert all(value == pytest.approx(time.time(), abs=30) for value in times)
    assert single == {
        "readmit_day_batch": 1,
        "readmit_batches_released": 3,
        "readmit_batches_expected": 5,
        "readmit_batches_done": 1,
        "readmit_batches_set_aside": 0,
        "readmit_batches_backlog": 2,
        "readmit_production_version": 2,
        "readmit_evaluated_version": 2,
    }
    assert day(series, "readmit_day_rows") == {
        ("raw",): 15,
        ("clean",): 12,
        ("quarantined",): 2,
        ("excluded",): 1,
    }
    assert day(series, "readmit_day_quarantined") == {("age",): 2, ("race",): 1}
    outcomes = day(series, "readmit_day_outcome")
    assert outcomes.pop(("promoted",)) == 1
    assert set(outcomes.values()) == {0}
    assert set(day(series, "readmit_day_gate_passed").values()) == {1}
    candidates = day(series, "readmit_candidate_metric")
    assert candidates[("lightgbm", "roc_auc")] == 0.61
    assert candidates[("lightgbm", "ece")] != candidates[("lightgbm", "ece")], "not a number"
    assert len(candidates) == 2
    assert day(series, "readmit_model_metric")[("low", "roc_auc")] == VERDICT.roc_auc.low
    assert day(series, "readmit_champion_metric")[("value", "log_loss")] == VERDICT.rival_figures["log_loss"]


def finish_day(fake: Fake, batch: int, train: bool = True) -> None:
    """Run the last step of a day on a batch."""
    lease_batch(batch)
    last = "signal" if train else "upload"
    fake(last, {"version": "2"} if train else {"rows": 3})
    attempt(BY_NAME[last], RunRequest("a", batch, train))


def test_a_day_without_a_new_batch_keeps_the_metrics_of_the_last_one_and_counts_as_finished(
    fake: Fake, gateway: PushgatewayRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_client, "fetch_state", lambda _: source_client.SourceState("sample", 20, 5, 1, False))
    record_day(1, 2, VERDICT)
    finish_day(fake, 1)
    before = gateway.series()
    assert attempt(CHECK_SOURCE, RunRequest("b", None))["go_on"] is False
    after = gateway.series()
    finished = ("readmit_day_finished_timestamp_seconds",)
    assert after.pop(finished) > before.pop(finished)
    assert after.keys() == before.keys()
    assert {key for key in after if after[key] != before[key] and after[key] == after[key]} == set()
    assert value_of(gateway, "readmit_batches_backlog") == 0


def source_state(gateway: PushgatewayRecorder) -> list[str]:
    """Return the states of the source whose metric is 1."""
    return [state for (state,), value in day(gateway.series(), "readmit_source_state").items() if value]


def test_a_day_on_which_the_source_is_stopped_changes_its_state_alone(fake: Fake, gateway: PushgatewayRecorder) -> None:
    record_day(1, 2, VERDICT)
    finish_day(fake, 1)
    before = gateway.series()
    fake("check_source", {"instance": "i-1", "instance_started": False, "not_today": "i-1 is stopped"})
    assert attempt(CHECK_SOURCE, RunRequest("b", None))["go_on"] is False
    after = gateway.series()
    assert {key for key in after if after[key] != before[key] and after[key] == after[key]} == {
        ("readmit_source_state", "running"),
        ("readmit_source_state", "stopped"),
    }, "a failed day before it must keep its alert, so that this one does not count as finished"
    assert "failed_timestamp_seconds" not in gateway.step("check_source")


def test_the_state_of_the_source_is_that_of_the_last_check_which_found_it(
    fake: Fake, gateway: PushgatewayRecorder
) -> None:
    running = {"instance": "i-1", "released": 3, "batches": 5}
    for found, expected in (
        (running | {"instance_started": True}, "started"),
        (running | {"instance_started": False}, "running"),
        (SourceUnavailable("no response"), "unavailable"),
        (InstanceNotFound("no instance with the tag"), "unavailable"),
        (running, "running"),
    ):
        fake("check_source", found)
        with suppress(SourceUnavailable, InstanceNotFound):
            attempt(CHECK_SOURCE, RunRequest("a", 1))
        assert source_state(gateway) == [expected]
    with pytest.raises(PrerequisiteMissing):
        attempt(CHECK_SOURCE, RunRequest("a", 9))
    assert source_state(gateway) == ["running"], "the error was not about the source"


def test_a_batch_that_is_set_aside_is_not_in_the_backlog(fake: Fake, gateway: PushgatewayRecorder) -> None:
    finish_day(fake, 1)
    assert value_of(gateway, "readmit_batches_backlog") == 2
    set_aside_batches.add(2, "ana", "it is damaged")
    lease_batch(1)
    assert value_of(gateway, "readmit_batches_set_aside") == 1
    assert value_of(gateway, "readmit_batches_backlog") == 1
    set_aside_batches.undo(2, "ana")
    lease_batch(1)
    assert value_of(gateway, "readmit_batches_backlog") == 2


def test_a_day_that_fails_does_not_count_as_finished(fake: Fake, gateway: PushgatewayRecorder) -> None:
    finish_day(fake, 1)
    finished = value_of(gateway, "readmit_day_finished_timestamp_seconds")
    fake("clean", ContractViolated("rows are missing"))
    lease_batch(1)
    with pytest.raises(ContractViolated):
        attempt(CLEAN, RUN)
    assert value_of(gateway, "readmit_day_finished_timestamp_seconds") == finished


def test_a_batch_that_is_run_again_counts_as_finished_again(fake: Fake, gateway: PushgatewayRecorder) -> None:
    finish_day(fake, 1)
    first = value_of(gateway, "readmit_day_finished_timestamp_seconds")
    done_at = value_of(gateway, "readmit_batch_done_timestamp_seconds")
    finish_day(fake, 1)
    again = value_of(gateway, "readmit_day_finished_timestamp_seconds")
    assert first is not None
    assert again is not None
    assert again > first
    assert value_of(gateway, "readmit_batch_done_timestamp_seconds") == done_at


def test_the_outcome_of_a_day_without_training_is_not_trained(fake: Fake, gateway: PushgatewayRecorder) -> None:
    lease_batch()
    assert set(day(gateway.series(), "readmit_day_outcome").values()) == {0}, "not known yet"
    finish_day(fake, 1, train=False)
    assert day(gateway.series(), "readmit_day_outcome")[("not_trained",)] == 1
    assert value_of(gateway, "readmit_batches_done") == 1


def test_a_new_batch_replaces_the_counts_of_the_day_before_but_not_the_model(
    fake: Fake, gateway: PushgatewayRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_day(1, 2, VERDICT)
    finish_day(fake, 1)
    monkeypatch.setattr(step_attempt, "require_no_gap", lambda *_: None)
    lease_batch(2)
    series = gateway.series()
    assert value_of(gateway, "readmit_day_batch") == 2
    assert day(series, "readmit_day_rows") == day(series, "readmit_day_quarantined") == {}
    assert set(day(series, "readmit_day_outcome").values()) == {0}
    assert day(series, "readmit_model_metric")
    ledger.update_batch(2, rows=20)
    fake("fetch", {"rows": 20})
    attempt(BY_NAME["fetch"], RunRequest("a", 2))
    assert day(gateway.series(), "readmit_day_rows") == {("raw",): 20}


def test_the_model_is_that_of_the_days_batch_also_when_an_older_one_is_run_again(
    fake: Fake, gateway: PushgatewayRecorder
) -> None:
    for batch, version in ((1, "7"), (2, "8")):
        promotions.store_verdict(batch, "any", replace(VERDICT, version=version))
    ledger.update_batch(1, version=7)
    finish_day(fake, 1)
    assert value_of(gateway, "readmit_evaluated_version") == 7
