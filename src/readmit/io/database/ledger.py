"""The ledger: what each step did with each batch, the attempts at steps, and which batches are done."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields

from readmit.core.errors import PrerequisiteMissing
from readmit.core.snapshot_part import Part
from readmit.core.verdict import finite_or_none
from readmit.io.database.connection import RAW, now, using
from readmit.io.database.tables import Batch, DatasetPart, StepRun

ROW_STAGES = {"raw": "rows", "clean": "clean", "quarantined": "quarantined", "excluded": "excluded"}
"""The stages of an encounter in reports and metrics, and the column of the ledger with the count of each."""


def mark_done(batch: int) -> None:
    """Mark a batch as done; the time of the first call is kept."""
    with using(RAW):
        Batch.update(done_at=now()).where((Batch.batch == batch) & Batch.done_at.is_null()).execute()


def reopen(batch: int) -> None:
    """Mark a batch as not done: the next day takes it, and until it is uploaded again, later batches find it missing.

    Raises PrerequisiteMissing when it was never fetched.
    """
    get_batch(batch)
    with using(RAW), RAW.atomic():
        Batch.update(done_at=None).where(Batch.batch == batch).execute()
        DatasetPart.delete().where(DatasetPart.batch == batch).execute()


def done_batches() -> set[int]:
    """Return the numbers of the batches that are done."""
    return {row.batch for row in list_batches() if row.done_at is not None}


def update_batch(batch: int, **values: int | str) -> None:
    """Update columns of a batch, which is added to the ledger if it is new."""
    with using(RAW):
        Batch.insert(batch=batch).on_conflict_ignore().execute()
        Batch.update(**values).where(Batch.batch == batch).execute()


def get_batch(batch: int) -> Batch:
    """Return the ledger's row of a batch. Raises PrerequisiteMissing when it was never fetched."""
    with using(RAW):
        row = Batch.get_or_none(Batch.batch == batch)
    if row is None:
        raise PrerequisiteMissing(f"batch {batch} has not been fetched yet")
    return row


def get_sha256(batch: int) -> str | None:
    """Return the SHA-256 of a batch as fetched last; None when it was never fetched."""
    with using(RAW):
        row = Batch.get_or_none(Batch.batch == batch)
    return None if row is None or row.sha256 is None else str(row.sha256)


def is_cleaned(row: Batch) -> bool:
    """Return whether the batch was cleaned since it was last fetched: its counts add up."""
    parts = [number for number in (row.clean, row.quarantined, row.excluded) if number is not None]
    return len(parts) == 3 and row.rows == sum(parts)


def require_output(row: Batch, name: str) -> str:
    """Return the output of a step in a column of the batch. Raises PrerequisiteMissing when it is not there yet."""
    value = getattr(row, name)
    if value is None:
        raise PrerequisiteMissing(f"batch {row.batch} has no {name} yet: the step that creates it has not run")
    return str(value)


def list_batches() -> list[Batch]:
    """Return all batches of the ledger, by number."""
    with using(RAW):
        return list(Batch.select().order_by(Batch.batch))


def replace_parts(batch: int, parts: Sequence[Part]) -> None:
    """Replace the dataset parts of a batch, in one transaction."""
    with using(RAW), RAW.atomic():
        DatasetPart.delete().where(DatasetPart.batch == batch).execute()
        for part in parts:
            DatasetPart.create(**asdict(part))


def parts_up_to(batch: int) -> list[Part]:
    """Return the dataset parts of batches 1 to `batch`."""
    with using(RAW):
        rows = list(DatasetPart.select().where(DatasetPart.batch <= batch))
    return [Part(**{field.name: getattr(row, field.name) for field in fields(Part)}) for row in rows]


def uploaded_batches() -> set[int]:
    """Return the numbers of the batches that have dataset parts."""
    with using(RAW):
        return {row.batch for row in DatasetPart.select(DatasetPart.batch).distinct()}


def start_step(run_id: str, step: str, batch: int | None) -> int:
    """Record the start of an attempt at a step; return its number."""
    with using(RAW):
        return int(StepRun.create(run_id=run_id, batch=batch, step=step, state="running", started_at=now()).number)


def finish_step(number: int, batch: int | None, seconds: float, outcome: Mapping[str, object] | str) -> None:
    """Record how an attempt ended: `outcome` is its facts, or the text of its error."""
    if isinstance(outcome, str):
        values = {"state": "failed", "error": outcome}
    else:
        values = {"state": "done", "facts": _as_json(outcome)}
    with using(RAW):
        StepRun.update(batch=batch, seconds=seconds, **values).where(StepRun.number == number).execute()


def _as_json(facts: Mapping[str, object]) -> str:
    encodable = {name: finite_or_none(value) if isinstance(value, float) else value for name, value in facts.items()}
    return json.dumps(encodable, allow_nan=False)


def list_step_runs(after: int = 0, batch: int | None = None, step: str | None = None) -> list[StepRun]:
    """Return the attempts at steps with numbers above `after`, oldest first: of all batches and steps, or of one."""
    query = StepRun.select().where(StepRun.number > after).order_by(StepRun.number)
    if batch is not None:
        query = query.where(StepRun.batch == batch)
    if step is not None:
        query = query.where(StepRun.step == step)
    with using(RAW):
        return list(query)


def parse_facts(run: StepRun) -> dict[str, int | float | str | bool | None]:
    """Return the facts of an attempt at a step."""
    facts: dict[str, int | float | str | bool | None] = json.loads(run.facts)
    return facts
