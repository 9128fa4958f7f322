"""One try at one step: under the batch's lease, noted in the ledger. The joint of the page and what it names."""

import importlib
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from readmit.core.refusal import LeaseLost
from readmit.io.database import ledger
from readmit.io.database.connection import connect
from readmit.pipeline import LEASE_SECONDS, RENEW_SECONDS, WAIT_SECONDS, Facts, Step, Ticket
from readmit.settings import Settings, load
from readmit.steps import check_source

log = logging.getLogger(__name__)
LOOK_AGAIN_SECONDS = 1.0


def attempt(step: Step, ticket: Ticket) -> Facts:
    """Runs the step and returns its facts. Whatever goes wrong is noted, and raised again."""
    settings = load()
    connect(settings.database_address)
    if step.name == "check_source":
        with noted(step, ticket) as facts:
            facts |= at_the_door(ticket, settings)
        return facts
    batch = batch_of(ticket)
    delay = settings.retry_delay(step.retry_delay_seconds)
    with noted(step, ticket) as facts, _lease_kept(batch, ticket.run_id, delay):
        facts |= importlib.import_module(f"readmit.steps.{step.name}").run(batch, settings)
    if step.name == ticket.last_step:
        ledger.mark_done(batch)
        ledger.drop_lease(batch, ticket.run_id)
    return facts


def batch_of(ticket: Ticket) -> int:
    if ticket.batch is None:
        raise LeaseLost("no batch was chosen: check_source comes first")
    return ticket.batch


@contextmanager
def noted(step: Step, ticket: Ticket) -> Iterator[Facts]:
    """Notes an attempt in the ledger: that it began, and how it ended."""
    number, started, facts = ledger.begin_step(ticket.run_id, step.name, ticket.batch), time.perf_counter(), Facts()
    try:
        yield facts
    except BaseException as error:
        ledger.end_step(number, ticket.batch, time.perf_counter() - started, f"{type(error).__name__}: {error}")
        raise
    found = facts.get("batch", ticket.batch)
    ledger.end_step(number, found if isinstance(found, int) else None, time.perf_counter() - started, facts)


def at_the_door(ticket: Ticket, settings: Settings) -> Facts:
    """Chooses the batch and takes its lease. `go_on` false: nothing is left to do for this run, and `word` says why."""
    deadline, waited_for = time.time() + WAIT_SECONDS, set[int]()
    while True:
        found = check_source.run(settings)
        batch = _choose(ticket.batch, int(str(found["released"])), waited_for)
        if batch is None:
            word = "nothing new" if ticket.batch is None else f"batch {ticket.batch} was done by another run meanwhile"
            return {**found, "batch": ticket.batch, "go_on": False, "word": word}
        if ledger.take_lease(batch, ticket.run_id, time.time(), LEASE_SECONDS):
            if not _done_meanwhile(batch, ticket, waited_for):
                return {**found, "batch": batch, "go_on": True, "word": f"batch {batch}"}
            ledger.drop_lease(batch, ticket.run_id)
        if time.time() > deadline:
            raise LeaseLost(f"batch {batch} is still in another run's hands after {WAIT_SECONDS / 3600:.0f} hours")
        if batch not in waited_for:
            log.warning("batch %d is in another run's hands: waiting until it is done or its lease expires", batch)
            waited_for.add(batch)
        time.sleep(LOOK_AGAIN_SECONDS)


def _choose(named: int | None, released: int, waited_for: set[int]) -> int | None:
    """The batch that was named, unless another run did it meanwhile; else the lowest that is released and not done."""
    done = ledger.done_batches()
    if named is not None:
        return None if named in waited_for and named in done else named
    return min(set(range(1, released + 1)) - done, default=None)


def _done_meanwhile(batch: int, ticket: Ticket, waited_for: set[int]) -> bool:
    """Whether another run finished the batch between our choice and our lease."""
    return (ticket.batch is None or batch in waited_for) and batch in ledger.done_batches()


@contextmanager
def _lease_kept(batch: int, run_id: str, retry_delay: float) -> Iterator[None]:
    """Renews the lease while a step runs; after a failure it lasts until the next try."""
    ledger.extend_lease(batch, run_id, time.time() + LEASE_SECONDS)
    stop = threading.Event()
    renewing = threading.Thread(target=_renew, args=(batch, run_id, stop), daemon=True)
    renewing.start()
    try:
        yield
    except Exception as error:
        final = getattr(error, "final", False)
        stop.set()
        renewing.join()
        if final:
            ledger.drop_lease(batch, run_id)
        else:
            ledger.extend_lease(batch, run_id, time.time() + retry_delay + LEASE_SECONDS)
        raise
    finally:
        stop.set()
        renewing.join()


def _renew(batch: int, run_id: str, stop: threading.Event) -> None:
    while not stop.wait(RENEW_SECONDS):
        ledger.extend_lease(batch, run_id, time.time() + LEASE_SECONDS)
