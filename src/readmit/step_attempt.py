"""One attempt at one step, under the lease of its batch and recorded in the ledger.

Here `readmit.pipeline`, which knows steps by name alone, meets the modules that carry them out.
"""

import importlib
import logging
import threading
import time

from readmit.attempt_log import log_attempt
from readmit.attempt_metrics import AttemptMetrics
from readmit.batch_choice import choose_batch, is_taken_meanwhile
from readmit.core.errors import LeaseLost, SourceUnavailable, StoreUnavailable
from readmit.core.snapshot import require_no_gap
from readmit.io.database import leases, ledger, set_aside_batches
from readmit.io.database.connection import connect
from readmit.pipeline import LEASE_SECONDS, RENEW_SECONDS, WAIT_SECONDS, Facts, RunRequest, Step
from readmit.retry import is_retryable
from readmit.settings import Settings, load
from readmit.steps import check_source

log = logging.getLogger(__name__)
POLL_SECONDS = 1.0


def attempt(step: Step, request: RunRequest) -> Facts:
    """Run the step, return its facts and push its metrics. Any error is recorded in the ledger and raised again."""
    settings = load()
    connect(settings.database_address)
    # Outermost, so that the pushed metrics include what the ledger records at the end of an attempt and of a day.
    with AttemptMetrics(step.name, settings.pushgateway_url):
        return _attempt(step, request, settings)


def _attempt(step: Step, request: RunRequest, settings: Settings) -> Facts:
    if step.name == "check_source":
        with _AttemptLog(step, request) as facts:
            facts |= admit(request, settings)
        return facts
    batch = require_batch(request)
    delay = settings.retry_delay(step.retry_delay_seconds)
    with _AttemptLog(step, request) as facts, _LeaseHeartbeat(batch, request.run_id, delay):
        facts |= importlib.import_module(f"readmit.steps.{step.name}").run(batch, settings)
    if step.name == request.last_step:
        ledger.mark_done(batch)
        leases.release(batch, request.run_id)
    return facts


def released() -> int:
    """Return how many batches the source has released. Raises SourceUnavailable when it is stopped."""
    source = check_source.run(load())
    if "not_today" in source:
        raise SourceUnavailable(f"the source is stopped: {source['not_today']}")
    return int(str(source["released"]))


def release_lease(request: RunRequest) -> None:
    """Release the batch at the end of a run, if this run holds its lease.

    With the database unavailable, the lease expires instead.
    """
    if request.batch is None:
        return
    connect(load().database_address)
    try:
        leases.release(request.batch, request.run_id)
    except StoreUnavailable as error:
        log.warning("batch %d stays leased for up to %.0f s: %s", request.batch, LEASE_SECONDS, error)


def require_batch(request: RunRequest) -> int:
    """Return the batch of the request. Raises LeaseLost when no batch has been chosen yet."""
    if request.batch is None:
        raise LeaseLost("no batch has been chosen: run check_source first")
    return request.batch


class _AttemptLog:
    """Context manager that records in the ledger that an attempt began, and there and in the log how it ended."""

    def __init__(self, step: Step, request: RunRequest) -> None:
        self._step, self._request, self._facts = step, request, Facts()

    def __enter__(self) -> Facts:
        self._number = ledger.start_step(self._request.run_id, self._step.name, self._request.batch)
        self._started = time.perf_counter()
        return self._facts

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        seconds, batch = time.perf_counter() - self._started, self._facts.get("batch", self._request.batch)
        log_attempt(self._step, self._request, self._number, seconds, self._facts, error)
        outcome = self._facts if error is None else f"{type(error).__name__}: {error}"
        ledger.finish_step(self._number, batch if isinstance(batch, int) else None, seconds, outcome)


class _LeaseHeartbeat:
    """Context manager that renews the lease of a batch while a step runs.

    After a failure that is worth a retry, the lease is extended until the next attempt.
    """

    def __init__(self, batch: int, run_id: str, retry_delay: float) -> None:
        self._batch, self._run_id, self._retry_delay = batch, run_id, retry_delay
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._renew, daemon=True)

    def __enter__(self) -> None:
        leases.renew(self._batch, self._run_id, time.time() + LEASE_SECONDS)
        self._thread.start()

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._stopped.set()
        self._thread.join()
        if error is not None and not is_retryable(error):
            leases.release(self._batch, self._run_id)
            return
        pause = 0.0 if error is None else self._retry_delay
        # Raises LeaseLost when the process was suspended for so long that another run took the batch over.
        leases.renew(self._batch, self._run_id, time.time() + pause + LEASE_SECONDS)

    def _renew(self) -> None:
        while not self._stopped.wait(RENEW_SECONDS):
            try:
                leases.renew(self._batch, self._run_id, time.time() + LEASE_SECONDS)
            except StoreUnavailable as error:
                log.warning("could not renew the lease of batch %d, trying again soon: %s", self._batch, error)
            except LeaseLost:
                return


def admit(request: RunRequest, settings: Settings) -> Facts:
    """Choose the batch and take its lease, waiting while another run holds it.

    The fact `go_on` is false when nothing is left to do for this run; `word` gives the reason.
    """
    deadline, waited_for = time.time() + WAIT_SECONDS, set[int]()
    while True:
        choice = choose_batch(request, settings, waited_for)
        facts = {
            **choice.source,
            "batch": choice.batch,
            "training_alone": choice.training_alone,
            "remaining": choice.remaining,
            "word": choice.summary,
        }
        batch = choice.batch
        if batch is None:
            return facts | {"batch": request.batch, "go_on": False}
        require_no_gap(batch, ledger.uploaded_batches() | set_aside_batches.numbers())
        if leases.acquire(batch, request.run_id, time.time(), LEASE_SECONDS):
            if choice.training_alone or not is_taken_meanwhile(batch, request, waited_for):
                return facts | {"go_on": True}
            leases.release(batch, request.run_id)
        if time.time() > deadline:
            raise LeaseLost(f"batch {batch} is still leased by another run after {WAIT_SECONDS / 3600:.0f} hours")
        if batch not in waited_for:
            log.warning("batch %d is leased by another run: waiting until it is done or its lease expires", batch)
            waited_for.add(batch)
        time.sleep(POLL_SECONDS)
