"""The ledger: which batch is whose, what each step did, and which batches are done.

Times are seconds since 1970 and come from the caller, so that a lease can be tested without waiting.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields

from readmit.core.errors import LeaseLost, PrerequisiteMissing
from readmit.core.parts import Part
from readmit.core.verdict import finite
from readmit.io.database.connection import RAW, now, using
from readmit.io.database.tables import Batch, DatasetPart, StepRun

ROW_STAGES = {"raw": "rows", "clean": "clean", "quarantined": "quarantined", "excluded": "excluded"}
"""How far an encounter got, as reports and metrics call it, and the column that counts it."""


def take_lease(batch: int, run_id: str, at: float, seconds: float) -> bool:
    """Takes or renews the lease of a batch; False: another run has it in hand."""
    # Two statements and not one transaction: on MySQL two runs that reach at once would hold each other up in it.
    with using(RAW):
        Batch.insert(batch=batch).on_conflict_ignore().execute()
        free = Batch.lease_until.is_null() | (Batch.lease_until < at) | (Batch.leased_by == run_id)
        taken = Batch.update(leased_by=run_id, lease_until=at + seconds).where((Batch.batch == batch) & free)
        return bool(taken.execute())


def extend_lease(batch: int, run_id: str, until: float) -> None:
    """Keeps the lease of a batch until then. LeaseLost: it is not this run's any more."""
    with using(RAW):
        mine = (Batch.batch == batch) & (Batch.leased_by == run_id)
        if not Batch.update(lease_until=until).where(mine).execute():
            raise LeaseLost(f"batch {batch} is in another run's hands: {run_id} leaves it alone")


def drop_lease(batch: int, run_id: str) -> None:
    """Lets go of a batch, if it is this run's."""
    with using(RAW):
        mine = (Batch.batch == batch) & (Batch.leased_by == run_id)
        Batch.update(leased_by=None, lease_until=None).where(mine).execute()


def drop_every_lease() -> None:
    """Lets go of all batches: for a start at which no run can be alive."""
    with using(RAW):
        Batch.update(leased_by=None, lease_until=None).execute()


def mark_done(batch: int) -> None:
    """The batch is done; the first time counts."""
    with using(RAW):
        Batch.update(done_at=now()).where((Batch.batch == batch) & Batch.done_at.is_null()).execute()


def reopen(batch: int) -> None:
    """The batch is not done any more: the next day takes it, and until it is uploaded again those after it find a gap.

    NotThereYet: it never came.
    """
    batch_row(batch)
    with using(RAW), RAW.atomic():
        Batch.update(done_at=None).where(Batch.batch == batch).execute()
        DatasetPart.delete().where(DatasetPart.batch == batch).execute()


def done_batches() -> set[int]:
    return {row.batch for row in batch_rows() if row.done_at is not None}


def update_batch(batch: int, **values: int | str) -> None:
    """Writes what a step found out about a batch into the ledger's row."""
    with using(RAW):
        Batch.insert(batch=batch).on_conflict_ignore().execute()
        Batch.update(**values).where(Batch.batch == batch).execute()


def batch_row(batch: int) -> Batch:
    """The ledger's row. NotThereYet: the batch never came."""
    with using(RAW):
        row = Batch.get_or_none(Batch.batch == batch)
    if row is None:
        raise PrerequisiteMissing(f"batch {batch} has not been fetched yet")
    return row


def sha256_of(batch: int) -> str | None:
    """The SHA-256 of the batch as it came last; None: it never came."""
    with using(RAW):
        row = Batch.get_or_none(Batch.batch == batch)
    return None if row is None or row.sha256 is None else str(row.sha256)


def require_output(row: Batch, name: str) -> str:
    """What the ledger's row says under a name. NotThereYet: nothing yet."""
    value = getattr(row, name)
    if value is None:
        raise PrerequisiteMissing(f"batch {row.batch} has no {name} yet: the step that makes it has not run")
    return str(value)


def batch_rows() -> list[Batch]:
    """The ledger, by batch."""
    with using(RAW):
        return list(Batch.select().order_by(Batch.batch))


def replace_parts(batch: int, parts: Sequence[Part]) -> None:
    """Puts a batch's dataset parts in the place of those that stand there, in one transaction."""
    with using(RAW), RAW.atomic():
        DatasetPart.delete().where(DatasetPart.batch == batch).execute()
        for part in parts:
            DatasetPart.create(**asdict(part))


def parts_until(batch: int) -> list[Part]:
    """The dataset parts of batches 1 to n."""
    with using(RAW):
        rows = list(DatasetPart.select().where(DatasetPart.batch <= batch))
    return [Part(**{field.name: getattr(row, field.name) for field in fields(Part)}) for row in rows]


def uploaded_batches() -> set[int]:
    """Those that have dataset parts."""
    with using(RAW):
        return {row.batch for row in DatasetPart.select(DatasetPart.batch).distinct()}


def begin_step(run_id: str, step: str, batch: int | None) -> int:
    """Notes that an attempt at a step begins; its number."""
    with using(RAW):
        return int(StepRun.create(run_id=run_id, batch=batch, step=step, state="running", started_at=now()).number)


def end_step(number: int, batch: int | None, seconds: float, outcome: Mapping[str, object] | str) -> None:
    """Notes how an attempt ended: with its facts, or with the error's text."""
    if isinstance(outcome, str):
        values = {"state": "failed", "error": outcome}
    else:
        values = {"state": "done", "facts": _as_json(outcome)}
    with using(RAW):
        StepRun.update(batch=batch, seconds=seconds, **values).where(StepRun.number == number).execute()


def _as_json(facts: Mapping[str, object]) -> str:
    plain = {name: finite(value) if isinstance(value, float) else value for name, value in facts.items()}
    return json.dumps(plain, allow_nan=False)


def step_runs(after: int = 0, batch: int | None = None) -> list[StepRun]:
    """Attempts at steps, oldest first, whose number is above `after`: of all batches or of one."""
    query = StepRun.select().where(StepRun.number > after).order_by(StepRun.number)
    if batch is not None:
        query = query.where(StepRun.batch == batch)
    with using(RAW):
        return list(query)


def facts_of(run: StepRun) -> dict[str, int | float | str | bool | None]:
    """What an attempt at a step told."""
    told: dict[str, int | float | str | bool | None] = json.loads(run.facts)
    return told
