"""What is pushed of the day after each attempt at a step, from the ledger."""

import time
from contextlib import suppress
from dataclasses import replace

import polars as pl
import pytest

from readmit import step_attempt
from readmit.core.cleaning import FAULTS_SCHEMA
from readmit.core.errors import (
    ContractViolated,
    InstanceNotFound,
    PrerequisiteMissing,
    SourceUnavailable,
)
from readmit.core.verdict import Verdict
from readmit.io import source_client
from readmit.io.database import ledger, promotions, rows, set_aside_batches
from readmit.pipeline import BY_NAME, RunRequest
from readmit.step_attempt import attempt
from tests.attempt_metrics.conftest import CHECK_SOURCE, CLEAN, RUN, SIGNAL, VERDICT, Fake, day, lease_batch, value_of
from tests.pushgateway_recorder import PushgatewayRecorder


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
