"""One try at one step: under the batch's lease, noted in the ledger. The joint of the page and what it names."""

import importlib
import logging
import threading
import time
from dataclasses import dataclass

from readmit.core.errors import LeaseLost, PrerequisiteMissing, StoreUnavailable
from readmit.core.snapshot import require_no_gap
from readmit.io.database import ledger, promotions
from readmit.io.database.connection import connect
from readmit.pipeline import LEASE_SECONDS, RENEW_SECONDS, WAIT_SECONDS, Facts, RunRequest, Step, is_retryable
from readmit.settings import Settings, load
from readmit.steps import check_source

log = logging.getLogger(__name__)
LOOK_AGAIN_SECONDS = 1.0


def attempt(step: Step, ticket: RunRequest) -> Facts:
    """Runs the step and returns its facts. Whatever goes wrong is noted, and raised again."""
    settings = load()
    connect(settings.database_address)
    if step.name == "check_source":
        with _AttemptLog(step, ticket) as facts:
            facts |= admit(ticket, settings)
        return facts
    batch = batch_of(ticket)
    delay = settings.retry_delay(step.retry_delay_seconds)
    with _AttemptLog(step, ticket) as facts, _LeaseHeartbeat(batch, ticket.run_id, delay):
        facts |= importlib.import_module(f"readmit.steps.{step.name}").run(batch, settings)
    if step.name == ticket.last_step:
        ledger.mark_done(batch)
        ledger.drop_lease(batch, ticket.run_id)
    return facts


def released() -> int:
    """How many batches the source has released."""
    return int(str(check_source.run(load())["released"]))


def release_lease(ticket: RunRequest) -> None:
    """Gives the batch back at the end of a run, if it is this run's. With the database away the lease expires."""
    if ticket.batch is None:
        return
    connect(load().database_address)
    try:
        ledger.drop_lease(ticket.batch, ticket.run_id)
    except StoreUnavailable as error:
        log.warning("batch %d stays in our hands for up to %.0f s: %s", ticket.batch, LEASE_SECONDS, error)


def batch_of(ticket: RunRequest) -> int:
    if ticket.batch is None:
        raise LeaseLost("no batch was chosen: check_source comes first")
    return ticket.batch


class _AttemptLog:
    """Notes an attempt in the ledger: that it began, and how it ended."""

    def __init__(self, step: Step, ticket: RunRequest) -> None:
        self._step, self._ticket, self._facts = step, ticket, Facts()

    def __enter__(self) -> Facts:
        self._number = ledger.begin_step(self._ticket.run_id, self._step.name, self._ticket.batch)
        self._started = time.perf_counter()
        return self._facts

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        seconds, batch = time.perf_counter() - self._started, self._facts.get("batch", self._ticket.batch)
        outcome = self._facts if error is None else f"{type(error).__name__}: {error}"
        ledger.end_step(self._number, batch if isinstance(batch, int) else None, seconds, outcome)


class _LeaseHeartbeat:
    """Renews the lease of a batch while a step runs; after a failure it lasts until the next try, if there is one."""

    def __init__(self, batch: int, run_id: str, retry_delay: float) -> None:
        self._batch, self._run_id, self._retry_delay = batch, run_id, retry_delay
        self._ended = threading.Event()
        self._renewing = threading.Thread(target=self._renew, daemon=True)

    def __enter__(self) -> None:
        ledger.extend_lease(self._batch, self._run_id, time.time() + LEASE_SECONDS)
        self._renewing.start()

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._ended.set()
        self._renewing.join()
        if error is not None and not is_retryable(error):
            ledger.drop_lease(self._batch, self._run_id)
            return
        pause = 0.0 if error is None else self._retry_delay
        # A run that slept too long may find here that its batch was taken over meanwhile.
        ledger.extend_lease(self._batch, self._run_id, time.time() + pause + LEASE_SECONDS)

    def _renew(self) -> None:
        while not self._ended.wait(RENEW_SECONDS):
            try:
                ledger.extend_lease(self._batch, self._run_id, time.time() + LEASE_SECONDS)
            except StoreUnavailable as error:
                log.warning("the lease of batch %d is not renewed this time: %s", self._batch, error)
            except LeaseLost:
                return


@dataclass(frozen=True, slots=True)
class _Choice:
    """What the door found and chose. `batch` None: nothing is left to do for this run, and `word` says why."""

    found: Facts
    batch: int | None
    word: str
    training_alone: bool = False


def admit(ticket: RunRequest, settings: Settings) -> Facts:
    """Chooses the batch and takes its lease. `go_on` false: nothing is left to do for this run, and `word` says why."""
    deadline, waited_for = time.time() + WAIT_SECONDS, set[int]()
    while True:
        chosen = _choice(ticket, settings, waited_for)
        told = {**chosen.found, "batch": chosen.batch, "training_alone": chosen.training_alone, "word": chosen.word}
        batch = chosen.batch
        if batch is None:
            return told | {"batch": ticket.batch, "go_on": False}
        require_no_gap(batch, ledger.uploaded_batches())
        if ledger.take_lease(batch, ticket.run_id, time.time(), LEASE_SECONDS):
            if chosen.training_alone or not _done_meanwhile(batch, ticket, waited_for):
                return told | {"go_on": True}
            ledger.drop_lease(batch, ticket.run_id)
        if time.time() > deadline:
            raise LeaseLost(f"batch {batch} is still in another run's hands after {WAIT_SECONDS / 3600:.0f} hours")
        if batch not in waited_for:
            log.warning("batch %d is in another run's hands: waiting until it is done or its lease expires", batch)
            waited_for.add(batch)
        time.sleep(LOOK_AGAIN_SECONDS)


def _choice(ticket: RunRequest, settings: Settings, waited_for: set[int]) -> _Choice:
    """The batch that was named, unless another run did it meanwhile; else the lowest that is released and not done.

    Who only trains takes the last one that is uploaded, and asks no source.
    """
    if not ticket.ingest:
        batch = _uploaded(ticket.batch)
        return _Choice({}, batch, f"batch {batch}, its training alone", training_alone=True)
    found = check_source.run(settings)
    released, named, done = int(str(found["released"])), ticket.batch, ledger.done_batches()
    if named is not None:
        if not 1 <= named <= released:
            raise PrerequisiteMissing(f"there is no batch {named}: the source has released 1 to {released}")
        if named in waited_for and named in done:
            return _Choice(found, None, f"batch {named} was done by another run meanwhile")
        return _Choice(found, named, f"batch {named}")
    if left := set(range(1, released + 1)) - done:
        return _Choice(found, min(left), f"batch {min(left)}")
    other = _trained_for_another_target(settings.target) if ticket.train else None
    if other is None:
        return _Choice(found, None, "nothing new")
    return _Choice(found, other, f"batch {other}, trained anew for {settings.target}", training_alone=True)


def _uploaded(named: int | None) -> int:
    """The batch to train on alone: that which is named, or the last one."""
    uploaded = ledger.uploaded_batches()
    if named is not None and named not in uploaded:
        raise PrerequisiteMissing(f"batch {named} is not uploaded yet, and there is no training without its snapshot")
    if not uploaded:
        raise PrerequisiteMissing("no batch is uploaded yet: a day comes before training alone")
    return max(uploaded) if named is None else named


def _trained_for_another_target(target: str) -> int | None:
    """The last batch that was trained on, if its model foretells something else than is asked for now."""
    trained = [row for row in ledger.batch_rows() if row.version is not None]
    if not trained:
        return None
    last = trained[-1]
    return None if promotions.target_of(str(last.version)) in (None, target) else int(last.batch)


def _done_meanwhile(batch: int, ticket: RunRequest, waited_for: set[int]) -> bool:
    """Whether another run finished the batch between our choice and our lease."""
    return (ticket.batch is None or batch in waited_for) and batch in ledger.done_batches()
