"""Verdicts on versions: stored before they are applied, so that a crash in between loses nothing."""

from datetime import datetime

from readmit.core.verdict import Verdict
from readmit.io.database.connection import PREDICTIONS, now, using
from readmit.io.database.tables import Promotion


def get_verdict(version: str) -> Verdict | None:
    """Return the stored verdict on a version; None when it was not evaluated."""
    with using(PREDICTIONS):
        row = Promotion.get_or_none(Promotion.version == int(version))
    return None if row is None else Verdict.from_json(row.verdict)


def get_latest_verdict(version: int | None) -> tuple[Verdict, str] | None:
    """Return the verdict on a version and its target; of the version decided on last when that one has no verdict."""
    wanted_first = ((Promotion.version == (version or 0)).desc(), Promotion.decided_at.desc())
    with using(PREDICTIONS):
        row = Promotion.select().order_by(*wanted_first).first()
    return None if row is None else (Verdict.from_json(row.verdict), str(row.target))


def get_target(version: str) -> str | None:
    """Return the target that a version predicts; None when it was not evaluated."""
    with using(PREDICTIONS):
        row = Promotion.get_or_none(Promotion.version == int(version))
    return None if row is None else str(row.target)


def store_verdict(batch: int, target: str, verdict: Verdict) -> None:
    """Store a verdict as not applied, in place of an earlier one on the version."""
    with using(PREDICTIONS):
        Promotion.insert(
            version=int(verdict.version),
            batch=batch,
            target=target,
            promoted=verdict.promoted,
            verdict=verdict.to_json(),
            decided_at=now(),
        ).on_conflict_replace().execute()


def target_verdicts(target: str) -> list[Verdict]:
    """Return the verdicts on the versions of one target, oldest version first."""
    with using(PREDICTIONS):
        rows = list(Promotion.select().where(Promotion.target == target).order_by(Promotion.version))
    return [Verdict.from_json(row.verdict) for row in rows]


def is_applied(version: str) -> bool:
    """Return whether the aliases were set according to the verdict on a version."""
    with using(PREDICTIONS):
        return bool(
            Promotion.select().where((Promotion.version == int(version)) & Promotion.applied_at.is_null(False)).exists()
        )


def mark_applied(version: str) -> None:
    """Record that the aliases are set according to the verdict."""
    with using(PREDICTIONS):
        Promotion.update(applied_at=now()).where(Promotion.version == int(version)).execute()


def list_decisions() -> list[tuple[Verdict, datetime]]:
    """Return each verdict and its time (UTC without a time zone), oldest version first."""
    with using(PREDICTIONS):
        rows = list(Promotion.select().order_by(Promotion.version))
    return [(Verdict.from_json(row.verdict), row.decided_at) for row in rows]


def list_verdicts() -> list[tuple[int, Verdict]]:
    """Return the batch and verdict of each evaluated version, oldest first."""
    with using(PREDICTIONS):
        rows = list(Promotion.select().order_by(Promotion.version))
    return [(row.batch, Verdict.from_json(row.verdict)) for row in rows]
