"""`readmit set-aside`: leave out a batch that always fails, so that later ones go on; and take that back."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from readmit.core.errors import BatchSetAside, LeaseLost
from readmit.core.production_history import MAX_NOTE_LENGTH, is_note
from readmit.io.database import leases, ledger, prospective_results, rows, set_aside_batches
from readmit.pipeline import LEASE_SECONDS
from readmit.rollback import login_name


def set_aside(batch: int, by: str | None, why: str | None) -> list[str]:
    """Set a batch aside and return a report as lines. `by` None: the login name.

    Its clean encounters and the evaluation on them are removed: it counts as empty. Raises BatchSetAside when no run
    has worked on it, when it is done or already set aside, or when the reason is missing, and LeaseLost when a run
    works on it.
    """
    operator, reason = _note("by", login_name() if by is None else by), _note("why", why or "")
    # A run that was given a batch that does not exist is no work on it.
    if all(row.batch != batch for row in ledger.list_batches()):
        raise BatchSetAside(f"batch {batch} can't be set aside: no run has worked on it")
    with _leased(batch):
        if (entry := set_aside_batches.get(batch)) is not None:
            raise BatchSetAside(f"batch {batch} is already set aside ({entry.operator}: {entry.reason})")
        if batch in ledger.done_batches():
            raise BatchSetAside(f"batch {batch} can't be set aside: it is done, and in the snapshots since")
        # Before the record: after a crash in between the batch is open, and its next day stores the rows again.
        ledger.replace_parts(batch, [])
        rows.remove_clean(batch)
        prospective_results.remove_evaluation(batch)
        set_aside_batches.add(batch, operator, reason)
    return [
        f"Batch {batch} is set aside; recorded: {operator}: {reason}",
        f"The next day goes on with the batch after it. To take it back: just ops::set-aside {batch} --undo",
    ]


def undo_set_aside(batch: int, by: str | None) -> list[str]:
    """Open a batch that was set aside and return a report as lines.

    Raises BatchSetAside when it is not set aside, and LeaseLost while a run works on any batch, whose snapshot would
    lack this one.
    """
    operator = _note("by", login_name() if by is None else by)
    if leased := leases.leased_batches(time.time()):
        raise LeaseLost(f"a run works on batch {leased[0]}: wait until it has ended")
    if not set_aside_batches.undo(batch, operator):
        raise BatchSetAside(f"batch {batch} is not set aside")
    opened = f"Batch {batch} is open again; recorded: {operator}. The next day takes it."
    if any(done > batch for done in ledger.done_batches()):
        return [opened, f"Later batches were done without it: just backfill {batch} runs it and them again."]
    return [opened]


def _note(name: str, text: str) -> str:
    if not is_note(note := text.strip()):
        raise BatchSetAside(
            f"to set a batch aside, `{name}` is required: 1 to {MAX_NOTE_LENGTH} printable characters on one line"
        )
    return note


@contextmanager
def _leased(batch: int) -> Iterator[None]:
    """Hold the lease of a batch. Raises LeaseLost when a run holds it."""
    run_id = f"set aside {uuid.uuid4().hex}"
    if not leases.acquire(batch, run_id, time.time(), LEASE_SECONDS):
        raise LeaseLost(f"batch {batch} is leased by another run: wait until it has ended")
    try:
        yield
    finally:
        leases.release(batch, run_id)
