"""Evaluations of production versions on later batches: one per batch, of the version that was in production then."""

from dataclasses import dataclass
from datetime import datetime

from readmit.core.prospective import ProspectiveEvaluation
from readmit.io.database.connection import PREDICTIONS, now, using
from readmit.io.database.tables import ProspectiveResult


@dataclass(frozen=True, slots=True)
class StoredEvaluation:
    """An evaluation, the data that it was made on, and when (UTC without a time zone)."""

    evaluation: ProspectiveEvaluation
    data: str
    evaluated_at: datetime


def list_evaluations() -> list[StoredEvaluation]:
    """Return all evaluations, newest batch first."""
    with using(PREDICTIONS):
        rows = list(ProspectiveResult.select().order_by(ProspectiveResult.batch.desc()))
    return [_stored(row) for row in rows]


def get_evaluation(batch: int) -> StoredEvaluation | None:
    """Return the evaluation on a batch; None when there is none."""
    with using(PREDICTIONS):
        row = ProspectiveResult.get_or_none(ProspectiveResult.batch == batch)
    return None if row is None else _stored(row)


def get_latest_evaluation() -> ProspectiveEvaluation | None:
    """Return the evaluation on the newest batch that has one."""
    with using(PREDICTIONS):
        row = ProspectiveResult.select().order_by(ProspectiveResult.batch.desc()).first()
    return None if row is None else _stored(row).evaluation


def store_evaluation(evaluation: ProspectiveEvaluation, data: str) -> None:
    """Store an evaluation in place of an earlier one on the batch."""
    with using(PREDICTIONS):
        ProspectiveResult.insert(
            batch=evaluation.model.batch,
            version=int(evaluation.model.version),
            data=data,
            evaluation=evaluation.to_json(),
            evaluated_at=now(),
        ).on_conflict_replace().execute()


def remove_evaluation(batch: int) -> None:
    """Remove the evaluation on a batch, if there is one."""
    with using(PREDICTIONS):
        ProspectiveResult.delete().where(ProspectiveResult.batch == batch).execute()


def _stored(row: ProspectiveResult) -> StoredEvaluation:
    return StoredEvaluation(ProspectiveEvaluation.from_json(row.evaluation), row.data, row.evaluated_at)
