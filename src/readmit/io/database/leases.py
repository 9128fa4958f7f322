"""Leases of batches: a batch is worked on by one run at a time, and a dead run's batch becomes free.

Times are seconds since 1970 and come from the caller, so that leases can be tested without waiting.
"""

from readmit.core.errors import LeaseLost
from readmit.io.database.connection import RAW, using
from readmit.io.database.tables import Batch


def acquire(batch: int, run_id: str, at: float, seconds: float) -> bool:
    """Acquire or renew the lease of a batch; return False when another run holds it."""
    # Two statements instead of one transaction: on MySQL two concurrent runs would block each other in it.
    with using(RAW):
        Batch.insert(batch=batch).on_conflict_ignore().execute()
        free = Batch.lease_until.is_null() | (Batch.lease_until < at) | (Batch.leased_by == run_id)
        update = Batch.update(leased_by=run_id, lease_until=at + seconds).where((Batch.batch == batch) & free)
        return bool(update.execute())


def renew(batch: int, run_id: str, until: float) -> None:
    """Renew the lease of a batch until a time. Raises LeaseLost when the run no longer holds it."""
    with using(RAW):
        held = (Batch.batch == batch) & (Batch.leased_by == run_id)
        if not Batch.update(lease_until=until).where(held).execute():
            raise LeaseLost(f"batch {batch} is leased by another run: {run_id} no longer holds its lease")


def leased_batches(at: float) -> list[int]:
    """Return the batches that a run has leased at a time, in order."""
    with using(RAW):
        return [int(row.batch) for row in Batch.select().where(Batch.lease_until >= at).order_by(Batch.batch)]


def release(batch: int, run_id: str) -> None:
    """Release the lease of a batch, if this run holds it."""
    with using(RAW):
        held = (Batch.batch == batch) & (Batch.leased_by == run_id)
        Batch.update(leased_by=None, lease_until=None).where(held).execute()


def release_all() -> None:
    """Release all leases; only for a start at which no run can be alive."""
    with using(RAW):
        Batch.update(leased_by=None, lease_until=None).execute()
