"""Leases and the ledger around a step: SQLite is real, what a step does is not."""

import threading
import time
from pathlib import Path

import pytest

from readmit import attempt as joint
from readmit.attempt import attempt, release_lease
from readmit.core.errors import ContractViolated, LeaseLost, MissingBatches, PrerequisiteMissing
from readmit.core.parts import Part
from readmit.core.verdict import Curves, Interval, Verdict
from readmit.io import source_client
from readmit.io.database import ledger, promotions
from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate
from readmit.pipeline import BY_NAME, LEASE_SECONDS, Facts, RunRequest
from readmit.steps import clean, signal

DOOR, CLEAN = BY_NAME["check_source"], BY_NAME["clean"]


@pytest.fixture(autouse=True)
def ledger_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty databases, and a source that has released two batches."""
    address = f"sqlite:///{tmp_path / 'db'}"
    monkeypatch.setenv("READMIT_DATABASE_URL", address)
    monkeypatch.delenv("READMIT_RETRY_DELAY_SECONDS", raising=False)
    connect(address)
    migrate()
    monkeypatch.setattr(source_client, "state", lambda _: source_client.SourceState("sample", 20, 2, 2, True))
    monkeypatch.setattr(joint, "LOOK_AGAIN_SECONDS", 0.01)


def upload(batch: int) -> None:
    """As the step `upload` leaves it: batches may follow."""
    ledger.replace_parts(batch, [Part(batch, "train", 1, "content", "object")])


def judged(batch: int, version: int, target: str) -> None:
    """As `register` and `promote` leave it."""
    curve = ((0.0, 0.0), (1.0, 1.0))
    verdict = Verdict(
        *(True, True, ("first model",), str(version), None, {"log_loss": 0.3}, {}),
        *(Interval(0.6, 0.7), None, None, Curves(curve, curve, curve)),
    )
    ledger.update_batch(batch, version=version)
    promotions.store(batch, target, verdict)


def lease_until(batch: int) -> float:
    return float(ledger.batch_row(batch).lease_until or 0)


def test_the_lowest_batch_that_is_released_and_not_done_is_chosen_and_leased() -> None:
    assert attempt(DOOR, RunRequest("a", None))["batch"] == 1
    upload(1)
    ledger.mark_done(1)
    assert attempt(DOOR, RunRequest("b", None))["batch"] == 2
    assert ledger.batch_row(2).leased_by == "b"
    assert lease_until(2) == pytest.approx(time.time() + LEASE_SECONDS, abs=5)


def test_with_every_batch_done_the_day_is_told_that_there_is_nothing_new() -> None:
    for batch in (1, 2):
        attempt(DOOR, RunRequest("a", batch))
        upload(batch)
        ledger.mark_done(batch)
    found = attempt(DOOR, RunRequest("b", None))
    assert (found["go_on"], found["word"]) == (False, "nothing new")


def test_with_every_batch_done_another_target_trains_on_the_last_one_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for batch in (1, 2):
        upload(batch)
        judged(batch, version=batch, target="within_30_days")
        ledger.mark_done(batch)
    monkeypatch.setenv("READMIT_TARGET", "any")
    assert attempt(DOOR, RunRequest("a", None, train=False))["go_on"] is False
    found = attempt(DOOR, RunRequest("a", None))
    assert (found["batch"], found["training_alone"]) == (2, True)
    assert ledger.batch_row(2).leased_by == "a"
    judged(2, version=3, target="any")
    ledger.drop_lease(2, "a")
    assert attempt(DOOR, RunRequest("b", None))["word"] == "nothing new"
    monkeypatch.setenv("READMIT_TARGET", "within_30_days")
    assert attempt(DOOR, RunRequest("b", None))["training_alone"] is True


def test_training_alone_takes_the_last_uploaded_batch_and_asks_no_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("readmit.steps.check_source.run", lambda _: pytest.fail("the source was asked"))
    with pytest.raises(PrerequisiteMissing, match="no batch is uploaded yet"):
        attempt(DOOR, RunRequest("a", None, ingest=False))
    for batch in (1, 2):
        upload(batch)
    found = attempt(DOOR, RunRequest("a", None, ingest=False))
    assert (found["batch"], found["go_on"], found["training_alone"]) == (2, True, True)
    assert ledger.batch_row(2).leased_by == "a"
    assert attempt(DOOR, RunRequest("b", 1, ingest=False))["batch"] == 1
    with pytest.raises(PrerequisiteMissing, match="batch 3 is not uploaded yet"):
        attempt(DOOR, RunRequest("b", 3, ingest=False))


def test_a_batch_that_is_named_and_done_is_taken_again() -> None:
    attempt(DOOR, RunRequest("a", 1))
    ledger.mark_done(1)
    ledger.drop_lease(1, "a")
    assert attempt(DOOR, RunRequest("b", 1))["go_on"] is True


@pytest.mark.parametrize(
    ("batch", "error", "word"),
    [
        (0, PrerequisiteMissing, "there is no batch 0: the source has released 1 to 2"),
        (3, PrerequisiteMissing, "there is no batch 3: the source has released 1 to 2"),
        (2, MissingBatches, "batch 2 needs all before it; not uploaded yet: 1"),
    ],
)
def test_a_named_batch_that_can_not_be_taken_is_refused_at_the_door_and_leaves_no_trace(
    batch: int, error: type[Exception], word: str
) -> None:
    with pytest.raises(error, match=word):
        attempt(DOOR, RunRequest("a", batch))
    assert ledger.batch_rows() == []


def test_a_leased_batch_is_nobody_elses_until_its_lease_expires() -> None:
    at = time.time()
    assert ledger.take_lease(1, "a", at, 60)
    assert not ledger.take_lease(1, "b", at + 59, 60)
    assert ledger.take_lease(1, "a", at + 59, 60), "its own run renews it"
    assert ledger.take_lease(1, "b", at + 120, 60)
    with pytest.raises(LeaseLost, match="batch 1 is in another run's hands"):
        ledger.extend_lease(1, "a", at + 200)


def test_of_many_that_reach_for_a_batch_at_once_one_gets_it() -> None:
    start, taken = threading.Barrier(8), []

    def reach(run_id: str) -> None:
        start.wait()
        if ledger.take_lease(1, run_id, time.time(), 60):
            taken.append(run_id)

    threads = [threading.Thread(target=reach, args=(f"run {number}",)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(taken) == 1


@pytest.mark.parametrize(("named", "word"), [(1, "batch 1 was done by another run meanwhile"), (None, "batch 2")])
def test_a_run_waits_for_the_batch_that_another_has_and_then_goes_on(named: int | None, word: str) -> None:
    attempt(DOOR, RunRequest("a", 1))
    told: list[Facts] = []
    waiting = threading.Thread(target=lambda: told.append(attempt(DOOR, RunRequest("b", named))))
    waiting.start()
    time.sleep(0.3)
    assert not told, "it must not skip a batch that is in another run's hands"
    upload(1)
    ledger.mark_done(1)
    ledger.drop_lease(1, "a")
    waiting.join(10)
    assert told[0]["word"] == word


def test_the_batch_of_a_run_that_died_is_taken_over_when_its_lease_has_expired() -> None:
    ledger.take_lease(1, "dead", time.time(), 0.3)
    assert attempt(DOOR, RunRequest("b", None))["batch"] == 1
    assert ledger.batch_row(1).leased_by == "b"


def test_a_step_without_its_lease_touches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clean, "run", lambda *_: pytest.fail("the step ran"))
    ledger.take_lease(1, "other", time.time(), 60)
    with pytest.raises(LeaseLost):
        attempt(CLEAN, RunRequest("mine", 1))


def test_a_step_that_fails_keeps_the_lease_until_its_next_try_and_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clean, "run", _raise(ContractViolated("rows are missing")))
    ledger.take_lease(1, "a", time.time(), 60)
    with pytest.raises(ContractViolated):
        attempt(CLEAN, RunRequest("a", 1))
    assert lease_until(1) == pytest.approx(time.time() + CLEAN.retry_delay_seconds + LEASE_SECONDS, abs=5)
    noted = ledger.step_runs()[-1]
    assert (noted.state, noted.step, noted.batch) == ("failed", "clean", 1)
    assert noted.error == "ContractBroken: rows are missing"


def test_a_step_that_need_not_be_tried_again_lets_go_of_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clean, "run", _raise(MissingBatches("batch 1 is missing")))
    ledger.take_lease(2, "a", time.time(), 60)
    with pytest.raises(MissingBatches):
        attempt(CLEAN, RunRequest("a", 2))
    assert ledger.batch_row(2).leased_by is None


def test_a_step_that_is_interrupted_lets_go_of_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clean, "run", _raise(KeyboardInterrupt()))
    ledger.take_lease(1, "a", time.time(), 60)
    with pytest.raises(KeyboardInterrupt):
        attempt(CLEAN, RunRequest("a", 1))
    assert ledger.batch_row(1).leased_by is None


def test_a_run_gives_its_own_batch_back_and_no_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ledger.take_lease(1, "a", time.time(), 60)
    release_lease(RunRequest("b", 1))
    release_lease(RunRequest("a", None))
    assert ledger.batch_row(1).leased_by == "a"
    release_lease(RunRequest("a", 1))
    assert ledger.batch_row(1).leased_by is None
    monkeypatch.setenv("READMIT_DATABASE_URL", f"sqlite:///{tmp_path / 'away'}")
    release_lease(RunRequest("a", 1))


def test_the_lease_is_renewed_while_a_step_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joint, "RENEW_SECONDS", 0.05)
    seen: list[float] = []

    def slow(*_: object) -> Facts:
        for _again in range(2):
            seen.append(lease_until(1))
            time.sleep(0.3)
        return {}

    monkeypatch.setattr(clean, "run", slow)
    ledger.take_lease(1, "a", time.time(), 60)
    attempt(CLEAN, RunRequest("a", 1))
    assert seen[1] > seen[0]


def test_a_step_whose_batch_was_taken_over_meanwhile_says_so_when_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "run", lambda *_: taken_over() or {})
    ledger.take_lease(1, "slept", time.time(), 60)
    with pytest.raises(LeaseLost):
        attempt(BY_NAME["signal"], RunRequest("slept", 1))
    assert ledger.batch_row(1).leased_by == "awake"
    assert ledger.done_batches() == set()


def taken_over() -> None:
    assert ledger.take_lease(1, "awake", time.time() + 120, 60)


@pytest.mark.parametrize(("train", "last"), [(True, "signal"), (False, "upload")])
def test_the_days_last_step_marks_the_batch_done_and_lets_go_of_it(
    train: bool, last: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"readmit.steps.{last}.run", lambda *_: {"rows": 3})
    ledger.take_lease(1, "a", time.time(), 60)
    assert attempt(BY_NAME[last], RunRequest("a", 1, train)) == {"rows": 3}
    assert ledger.done_batches() == {1}
    assert ledger.batch_row(1).leased_by is None
    assert ledger.facts_of(ledger.step_runs()[-1]) == {"rows": 3}


def _raise(error: BaseException):  # noqa: ANN202 - a step that only raises
    def run(*_: object) -> Facts:
        raise error

    return run
