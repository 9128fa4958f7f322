"""Verdicts on versions: stored before they are applied, so that a crash in between loses nothing."""

from datetime import datetime

from readmit.core.verdict import Verdict
from readmit.io.database.connection import PREDICTIONS, now, using
from readmit.io.database.tables import Promotion


def verdict_on(version: str) -> Verdict | None:
    """The stored verdict on a version, if it was judged."""
    with using(PREDICTIONS):
        row = Promotion.get_or_none(Promotion.version == int(version))
    return None if row is None else Verdict.from_json(row.verdict)


def target_of(version: str) -> str | None:
    """What a version foretells, if it was judged."""
    with using(PREDICTIONS):
        row = Promotion.get_or_none(Promotion.version == int(version))
    return None if row is None else str(row.target)


def store(batch: int, target: str, verdict: Verdict) -> None:
    """Stores a verdict, in the place of one that stood there unapplied."""
    with using(PREDICTIONS):
        Promotion.insert(
            version=int(verdict.version),
            batch=batch,
            target=target,
            promoted=verdict.promoted,
            verdict=verdict.to_json(),
            decided_at=now(),
        ).on_conflict_replace().execute()


def is_applied(version: str) -> bool:
    """Whether the aliases stand as the verdict on a version says."""
    with using(PREDICTIONS):
        return bool(
            Promotion.select().where((Promotion.version == int(version)) & Promotion.applied_at.is_null(False)).exists()
        )


def mark_applied(version: str) -> None:
    """The aliases stand as the verdict says."""
    with using(PREDICTIONS):
        Promotion.update(applied_at=now()).where(Promotion.version == int(version)).execute()


def decided() -> list[tuple[Verdict, datetime]]:
    """Each verdict and when it was given, UTC without a zone; oldest version first."""
    with using(PREDICTIONS):
        rows = list(Promotion.select().order_by(Promotion.version))
    return [(Verdict.from_json(row.verdict), row.decided_at) for row in rows]


def verdicts() -> list[tuple[int, Verdict]]:
    """Batch and verdict of each judged version, oldest first."""
    with using(PREDICTIONS):
        rows = list(Promotion.select().order_by(Promotion.version))
    return [(row.batch, Verdict.from_json(row.verdict)) for row in rows]
