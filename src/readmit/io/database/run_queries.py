"""Queries of the ledger for its readers: runs of batches with their attempts at steps, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import peewee as pw

from readmit.io.database.connection import RAW, using
from readmit.io.database.tables import Batch, Quarantined, StepRun


@dataclass(frozen=True, slots=True)
class BatchRun:
    """One run of one batch. `attempts`: oldest first; `leased_until`: end of this run's lease, seconds since 1970."""

    run_id: str
    batch: int
    attempts: tuple[StepRun, ...]
    leased_until: float | None


def list_batch_runs(page: int, per_page: int, batch: int | None) -> tuple[int, list[BatchRun]]:
    """Return the number of runs, and one page of them, newest first: of all batches or of one."""
    first_attempt = pw.fn.MIN(StepRun.number)
    condition = StepRun.batch.is_null(False) if batch is None else StepRun.batch == batch
    runs = StepRun.select(StepRun.run_id, StepRun.batch, first_attempt.alias("began")).where(condition)
    runs = runs.group_by(StepRun.run_id, StepRun.batch)
    with using(RAW):
        total = runs.count()
        newest: Any = runs.order_by(first_attempt.desc()).paginate(page, per_page).tuples()
        keys = [(str(run_id), int(number)) for run_id, number, _ in newest]
        attempts = _attempts([run_id for run_id, _ in keys])
        leases = {(str(row.leased_by), row.batch): row.lease_until for row in Batch.select()}
    return total, [
        BatchRun(
            run_id,
            number,
            tuple(attempt for attempt in attempts if (attempt.run_id, attempt.batch) == (run_id, number)),
            leases.get((run_id, number)),
        )
        for run_id, number in keys
    ]


def _attempts(run_ids: Sequence[str]) -> list[StepRun]:
    return list(StepRun.select().where(StepRun.run_id.in_(run_ids)).order_by(StepRun.number))


def list_batches(page: int, per_page: int) -> tuple[int, list[Batch]]:
    """Return the number of batches in the ledger, and one page of them, newest first."""
    with using(RAW):
        return Batch.select().count(), list(Batch.select().order_by(Batch.batch.desc()).paginate(page, per_page))


def list_training_runs(batch: int) -> list[StepRun]:
    """Return the successful attempts at `train` on a batch, oldest first."""
    condition = (StepRun.batch == batch) & (StepRun.step == "train") & (StepRun.state == "done")
    with using(RAW):
        return list(StepRun.select().where(condition).order_by(StepRun.number))


def count_quarantined(batch: int | None) -> list[tuple[int, str, str, int, int]]:
    """Return (batch, field, reason, encounters, first position): of all batches, newest first, or of one."""
    keys = (Quarantined.batch, Quarantined.field, Quarantined.reason)
    query = Quarantined.select(*keys, pw.fn.COUNT(pw.SQL("*")), pw.fn.MIN(Quarantined.position)).group_by(*keys)
    if batch is not None:
        query = query.where(Quarantined.batch == batch)
    with using(RAW):
        rows: Any = query.order_by(Quarantined.batch.desc(), Quarantined.field, Quarantined.reason).tuples()
        return list(rows)


def ping() -> None:
    """Query the database. Raises StoreUnavailable when it does not respond."""
    with using(RAW):
        RAW.execute_sql("SELECT 1")
