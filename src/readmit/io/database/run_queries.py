"""The days as the ledger has them: runs of a batch, and each attempt at a step in them; a page at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import peewee as pw

from readmit.io.database.connection import RAW, using
from readmit.io.database.tables import Batch, Quarantined, StepRun


@dataclass(frozen=True, slots=True)
class RunOfBatch:
    """What one run did with one batch. `attempts`: oldest first; `leased_until`: in seconds since 1970, by this run."""

    run_id: str
    batch: int
    attempts: tuple[StepRun, ...]
    leased_until: float | None


def runs_of_batches(page: int, per_page: int, batch: int | None) -> tuple[int, list[RunOfBatch]]:
    """How many there are, and one page of them, newest first: of all batches or of one."""
    began = pw.fn.MIN(StepRun.number)
    chosen = StepRun.batch.is_null(False) if batch is None else StepRun.batch == batch
    runs = StepRun.select(StepRun.run_id, StepRun.batch, began.alias("began")).where(chosen)
    runs = runs.group_by(StepRun.run_id, StepRun.batch)
    with using(RAW):
        total = runs.count()
        newest: Any = runs.order_by(began.desc()).paginate(page, per_page).tuples()
        wanted = [(str(run_id), int(number)) for run_id, number, _ in newest]
        attempts = _attempts([run_id for run_id, _ in wanted])
        leases = {(str(each.leased_by), each.batch): each.lease_until for each in Batch.select()}
    return total, [
        RunOfBatch(
            run_id,
            number,
            tuple(each for each in attempts if (each.run_id, each.batch) == (run_id, number)),
            leases.get((run_id, number)),
        )
        for run_id, number in wanted
    ]


def _attempts(runs: Sequence[str]) -> list[StepRun]:
    return list(StepRun.select().where(StepRun.run_id.in_(runs)).order_by(StepRun.number))


def batches(page: int, per_page: int) -> tuple[int, list[Batch]]:
    """How many batches the ledger has, and one page of them, newest first."""
    with using(RAW):
        return Batch.select().count(), list(Batch.select().order_by(Batch.batch.desc()).paginate(page, per_page))


def trainings(batch: int) -> list[StepRun]:
    """The good attempts at `train` on a batch, oldest first."""
    wanted = (StepRun.batch == batch) & (StepRun.step == "train") & (StepRun.state == "done")
    with using(RAW):
        return list(StepRun.select().where(wanted).order_by(StepRun.number))


def quarantined(batch: int | None) -> list[tuple[int, str, str, int, int]]:
    """Batch, field, reason, number of encounters, position of the first: of all batches, newest first, or of one."""
    grouped = (Quarantined.batch, Quarantined.field, Quarantined.reason)
    query = Quarantined.select(*grouped, pw.fn.COUNT(pw.SQL("*")), pw.fn.MIN(Quarantined.position)).group_by(*grouped)
    if batch is not None:
        query = query.where(Quarantined.batch == batch)
    with using(RAW):
        rows: Any = query.order_by(Quarantined.batch.desc(), Quarantined.field, Quarantined.reason).tuples()
        return list(rows)


def answers() -> None:
    """The database answers. StoreAway: it does not."""
    with using(RAW):
        RAW.execute_sql("SELECT 1")
