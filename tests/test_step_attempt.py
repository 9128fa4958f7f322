"""Leases and the ledger around a step, with a real SQLite and fake steps."""

import threading
import time
from pathlib import Path

import pytest

from readmit import step_attempt as attempt_module
from readmit import step_summary
from readmit.core.errors import (
    BatchSetAside,
    ContractViolated,
    LeaseLost,
    MissingBatches,
    PrerequisiteMissing,
    SourceUnavailable,
)
from readmit.core.snapshot_part import Part
from readmit.core.verdict import Curves, Interval, Verdict
from readmit.io import source_client
from readmit.io.database import leases, ledger, promotions, set_aside_batches
from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate
from readmit.pipeline import BY_NAME, LEASE_SECONDS, Facts, RunRequest
from readmit.run_history import RunHistory
from readmit.step_attempt import attempt, release_lease
from readmit.steps import clean, signal

CHECK_SOURCE, CLEAN = BY_NAME["check_source"], BY_NAME["clean"]


@pytest.fixture(autouse=True)
def empty_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Provide empty databases, and a source that has released two batches."""
    address = f"sqlite:///{tmp_path / 'db'}"
    monkeypatch.setenv("READMIT_DATABASE_URL", address)
    monkeypatch.delenv("READMIT_RETRY_DELAY_SECONDS", raising=False)
    connect(address)
    migrate()
    monkeypatch.setattr(source_client, "fetch_state", lambda _: source_client.SourceState("sample", 20, 2, 2, True))
    monkeypatch.setattr(attempt_module, "POLL_SECONDS", 0.01)


def upload(batch: int) -> None:
    """Leave the ledger as the step `upload` does, so that batches may follow."""
    ledger.replace_parts(batch, [Part(batch, "train", 1, "content", "object")])


def finish(batch: int) -> None:
    """Leave the ledger as a whole day does."""
    ledger.update_batch(batch, rows=10)
    upload(batch)
    ledger.mark_done(batch)


def judge(batch: int, version: int, target: str) -> None:
    """Leave the ledger as `register` and `promote` do."""
    curve = ((0.0, 0.0), (1.0, 1.0))
    verdict = Verdict(
        *(True, True, ("first model",), str(version), None, {"log_loss": 0.3}, {}),
        *(Interval(0.6, 0.7), None, None, Curves(curve, curve, curve)),
    )
    ledger.update_batch(batch, version=version)
    promotions.store_verdict(batch, target, verdict)


def lease_until(batch: int) -> float:
    return float(ledger.get_batch(batch).lease_until or 0)


def test_the_lowest_batch_that_is_released_and_not_done_is_chosen_and_leased() -> None:
    assert attempt(CHECK_SOURCE, RunRequest("a", None))["batch"] == 1
    upload(1)
    ledger.mark_done(1)
    assert attempt(CHECK_SOURCE, RunRequest("b", None))["batch"] == 2
    assert ledger.get_batch(2).leased_by == "b"
    assert lease_until(2) == pytest.approx(time.time() + LEASE_SECONDS, abs=5)


def test_a_run_knows_how_many_other_batches_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    assert attempt(CHECK_SOURCE, RunRequest("a", None))["remaining"] == 1
    leases.release(1, "a")
    assert attempt(CHECK_SOURCE, RunRequest("a", 1))["remaining"] == 1, "whether or not the batch was asked for"
    finish(1)
    assert attempt(CHECK_SOURCE, RunRequest("b", None))["remaining"] == 0
    state = source_client.SourceState("sample", 90, 9, 9, True)
    monkeypatch.setattr(source_client, "fetch_state", lambda _: state)
    assert attempt(CHECK_SOURCE, RunRequest("b", None))["remaining"] == 7


def test_a_source_that_is_stopped_outside_its_hours_ends_the_day_without_an_error_or_a_lease(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reason = "EC2 instance i-1 is stopped, outside its hours 08:55-23:55 America/Lima"
    facts = {"instance": "i-1", "instance_running": False, "instance_started": False, "not_today": reason}
    with monkeypatch.context() as patch:
        patch.setattr("readmit.steps.check_source.run", lambda _: facts)
        expect_no_day(reason)
    attempt(CHECK_SOURCE, RunRequest("b", 1))
    assert RunHistory.read().not_today is None, "the source has been up since"


def expect_no_day(reason: str) -> None:
    for requested in (None, 1):
        admission = attempt(CHECK_SOURCE, RunRequest("a", requested))
        assert (admission["go_on"], admission["word"]) == (False, f"not today: {reason}")
    assert [row.state for row in ledger.list_step_runs()] == ["done", "done"]
    assert ledger.list_batches() == []
    assert step_summary.lines("check_source", admission) == [f"check_source  not today: {reason}"]
    with pytest.raises(SourceUnavailable, match="the source is stopped: EC2 instance i-1 is stopped"):
        attempt_module.released()
    (line,) = RunHistory.read().lines()[1:]
    assert line.startswith("Not today, ")
    assert line.endswith(f"UTC: {reason}")


def test_a_batch_that_is_set_aside_is_passed_over_and_counts_as_empty() -> None:
    attempt(CHECK_SOURCE, RunRequest("a", 1))
    release_lease(RunRequest("a", 1))
    set_aside_batches.add(1, "ana", "it is empty")
    admission = attempt(CHECK_SOURCE, RunRequest("b", None))
    assert (admission["batch"], admission["remaining"]) == (2, 0)
    with pytest.raises(BatchSetAside, match=r"batch 1 is set aside \(ana: it is empty\): first run .*--undo"):
        attempt(CHECK_SOURCE, RunRequest("c", 1))
    finish(2)
    assert attempt(CHECK_SOURCE, RunRequest("d", None))["word"] == "no new batch"
    set_aside_batches.undo(1, "ben")
    assert attempt(CHECK_SOURCE, RunRequest("e", None))["batch"] == 1
    with pytest.raises(MissingBatches, match="not uploaded yet: 1"):
        attempt(CHECK_SOURCE, RunRequest("f", 2))


@pytest.mark.parametrize("requested", [None, 1])
def test_a_batch_that_is_set_aside_just_before_its_lease_is_acquired_is_not_run(
    requested: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    acquire = leases.acquire

    def set_aside_and_acquire(batch: int, run_id: str, at: float, seconds: float) -> bool:
        if batch == 1 and not set_aside_batches.numbers():
            set_aside_batches.add(1, "ana", "it is empty")
        return acquire(batch, run_id, at, seconds)

    monkeypatch.setattr(leases, "acquire", set_aside_and_acquire)
    if requested is None:
        assert attempt(CHECK_SOURCE, RunRequest("a", None))["batch"] == 2
    else:
        with pytest.raises(BatchSetAside):
            attempt(CHECK_SOURCE, RunRequest("a", requested))
    assert ledger.get_batch(1).leased_by is None


def test_with_every_batch_done_there_is_no_new_batch() -> None:
    for batch in (1, 2):
        attempt(CHECK_SOURCE, RunRequest("a", batch))
        upload(batch)
        ledger.mark_done(batch)
    admission = attempt(CHECK_SOURCE, RunRequest("b", None))
    assert (admission["go_on"], admission["word"]) == (False, "no new batch")


def test_with_every_batch_done_another_target_trains_on_the_last_one_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for batch in (1, 2):
        upload(batch)
        judge(batch, version=batch, target="within_30_days")
        ledger.mark_done(batch)
    monkeypatch.setenv("READMIT_TARGET", "any")
    assert attempt(CHECK_SOURCE, RunRequest("a", None, train=False))["go_on"] is False
    admission = attempt(CHECK_SOURCE, RunRequest("a", None))
    assert (admission["batch"], admission["training_alone"]) == (2, True)
    assert ledger.get_batch(2).leased_by == "a"
    judge(2, version=3, target="any")
    leases.release(2, "a")
    assert attempt(CHECK_SOURCE, RunRequest("b", None))["word"] == "no new batch"
    monkeypatch.setenv("READMIT_TARGET", "within_30_days")
    assert attempt(CHECK_SOURCE, RunRequest("b", None))["training_alone"] is True


def test_training_alone_takes_the_last_uploaded_batch_without_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("readmit.steps.check_source.run", lambda _: pytest.fail("the source was queried"))
    with pytest.raises(PrerequisiteMissing, match="no batch is uploaded yet"):
        attempt(CHECK_SOURCE, RunRequest("a", None, ingest=False))
    for batch in (1, 2):
        upload(batch)
    admission = attempt(CHECK_SOURCE, RunRequest("a", None, ingest=False))
    assert (admission["batch"], admission["go_on"], admission["training_alone"]) == (2, True, True)
    assert ledger.get_batch(2).leased_by == "a"
    assert attempt(CHECK_SOURCE, RunRequest("b", 1, ingest=False))["batch"] == 1
    with pytest.raises(PrerequisiteMissing, match="batch 3 is not uploaded yet"):
        attempt(CHECK_SOURCE, RunRequest("b", 3, ingest=False))


def test_a_requested_batch_that_is_done_is_run_again() -> None:
    attempt(CHECK_SOURCE, RunRequest("a", 1))
    ledger.mark_done(1)
    leases.release(1, "a")
    assert attempt(CHECK_SOURCE, RunRequest("b", 1))["go_on"] is True


@pytest.mark.parametrize(
    ("batch", "error", "message"),
    [
        (0, PrerequisiteMissing, "there is no batch 0: the source has released batches 1 to 2"),
        (3, PrerequisiteMissing, "there is no batch 3: the source has released batches 1 to 2"),
        (2, MissingBatches, "batch 2 requires all earlier batches; not uploaded yet: 1"),
    ],
)
def test_a_requested_batch_that_is_not_available_is_not_admitted_and_leaves_no_trace(
    batch: int, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        attempt(CHECK_SOURCE, RunRequest("a", batch))
    assert ledger.list_batches() == []


def test_a_leased_batch_is_not_available_until_its_lease_expires() -> None:
    at = time.time()
    assert leases.acquire(1, "a", at, 60)
    assert not leases.acquire(1, "b", at + 59, 60)
    assert leases.acquire(1, "a", at + 59, 60), "its own run renews it"
    assert leases.acquire(1, "b", at + 120, 60)
    with pytest.raises(LeaseLost, match="batch 1 is leased by another run"):
        leases.renew(1, "a", at + 200)


def test_of_many_runs_that_want_a_batch_at_once_one_gets_its_lease() -> None:
    start, taken = threading.Barrier(8), []

    def acquire(run_id: str) -> None:
        start.wait()
        if leases.acquire(1, run_id, time.time(), 60):
            taken.append(run_id)

    threads = [threading.Thread(target=acquire, args=(f"run {number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 1


@pytest.mark.parametrize(
    ("requested", "summary"), [(1, "batch 1 was completed by another run in the meantime"), (None, "batch 2")]
)
def test_a_run_waits_for_a_batch_that_another_run_has_leased(requested: int | None, summary: str) -> None:
    attempt(CHECK_SOURCE, RunRequest("a", 1))
    admissions: list[Facts] = []
    waiting = threading.Thread(target=lambda: admissions.append(attempt(CHECK_SOURCE, RunRequest("b", requested))))
    waiting.start()
    time.sleep(0.3)
    assert not admissions, "it must not skip a batch that another run has leased"
    upload(1)
    ledger.mark_done(1)
    leases.release(1, "a")
    waiting.join(10)
    assert admissions[0]["word"] == summary


def test_the_batch_of_a_run_that_died_is_taken_over_when_its_lease_has_expired() -> None:
    leases.acquire(1, "dead", time.time(), 0.3)
    assert attempt(CHECK_SOURCE, RunRequest("b", None))["batch"] == 1
    assert ledger.get_batch(1).leased_by == "b"


def test_a_step_without_its_lease_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clean, "run", lambda *_: pytest.fail("the step ran"))
    leases.acquire(1, "other", time.time(), 60)
    with pytest.raises(LeaseLost):
        attempt(CLEAN, RunRequest("mine", 1))


def test_a_failed_step_keeps_the_lease_until_its_retry_and_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clean, "run", _raise(ContractViolated("rows are missing")))
    leases.acquire(1, "a", time.time(), 60)
    with pytest.raises(ContractViolated):
        attempt(CLEAN, RunRequest("a", 1))
    assert lease_until(1) == pytest.approx(time.time() + CLEAN.retry_delay_seconds + LEASE_SECONDS, abs=5)
    recorded = ledger.list_step_runs()[-1]
    assert (recorded.state, recorded.step, recorded.batch) == ("failed", "clean", 1)
    assert recorded.error == "ContractViolated: rows are missing"


def test_a_step_that_fails_for_good_releases_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clean, "run", _raise(MissingBatches("batch 1 is missing")))
    leases.acquire(2, "a", time.time(), 60)
    with pytest.raises(MissingBatches):
        attempt(CLEAN, RunRequest("a", 2))
    assert ledger.get_batch(2).leased_by is None


def test_an_interrupted_step_releases_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clean, "run", _raise(KeyboardInterrupt()))
    leases.acquire(1, "a", time.time(), 60)
    with pytest.raises(KeyboardInterrupt):
        attempt(CLEAN, RunRequest("a", 1))
    assert ledger.get_batch(1).leased_by is None


def test_a_run_releases_its_own_batch_and_no_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    leases.acquire(1, "a", time.time(), 60)
    release_lease(RunRequest("b", 1))
    release_lease(RunRequest("a", None))
    assert ledger.get_batch(1).leased_by == "a"
    release_lease(RunRequest("a", 1))
    assert ledger.get_batch(1).leased_by is None
    monkeypatch.setenv("READMIT_DATABASE_URL", f"sqlite:///{tmp_path / 'absent'}")
    release_lease(RunRequest("a", 1))


def test_the_lease_is_renewed_while_a_step_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt_module, "RENEW_SECONDS", 0.05)
    expiries: list[float] = []

    def slow(*_: object) -> Facts:
        for _ in range(2):
            expiries.append(lease_until(1))
            time.sleep(0.3)
        return {}

    monkeypatch.setattr(clean, "run", slow)
    leases.acquire(1, "a", time.time(), 60)
    attempt(CLEAN, RunRequest("a", 1))
    assert expiries[1] > expiries[0]


def test_a_step_whose_batch_was_taken_over_meanwhile_fails_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "run", lambda *_: take_over() or {})
    leases.acquire(1, "suspended", time.time(), 60)
    with pytest.raises(LeaseLost):
        attempt(BY_NAME["signal"], RunRequest("suspended", 1))
    assert ledger.get_batch(1).leased_by == "running"
    assert ledger.done_batches() == set()


def take_over() -> None:
    assert leases.acquire(1, "running", time.time() + 120, 60)


@pytest.mark.parametrize(("train", "last"), [(True, "signal"), (False, "upload")])
def test_the_days_last_step_marks_the_batch_done_and_releases_it(
    train: bool, last: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"readmit.steps.{last}.run", lambda *_: {"rows": 3})
    leases.acquire(1, "a", time.time(), 60)
    assert attempt(BY_NAME[last], RunRequest("a", 1, train)) == {"rows": 3}
    assert ledger.done_batches() == {1}
    assert ledger.get_batch(1).leased_by is None
    assert ledger.parse_facts(ledger.list_step_runs()[-1]) == {"rows": 3}


def _raise(error: BaseException):  # noqa: ANN202 - the type of a fake step
    def run(*_: object) -> Facts:
        raise error

    return run
