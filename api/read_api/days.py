"""Days, batches and quarantine, from the ledger."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from api.read_api.paging import Paging
from api.read_api.schemas import BatchItem, BatchList, DayItem, DayList, QuarantineItem, QuarantineList, StepRunItem
from readmit.core.errors import in_words
from readmit.core.quarantine_reasons import reason_to_show
from readmit.core.terminal_text import printable
from readmit.io.database import ledger, run_queries
from readmit.io.database.run_queries import RunOfBatch
from readmit.io.database.tables import Batch, StepRun

RUNNING, DONE, KILLED = "running", "done", "killed"


def days_told(paging: Paging, batch: int | None) -> DayList:
    """One page of the runs of all batches, or of one."""
    total, runs = run_queries.runs_of_batches(paging.page, paging.per_page, batch)
    return DayList(items=[_day(run) for run in runs], **paging.of(total))


def _day(run: RunOfBatch) -> DayItem:
    alive = run.leased_until is not None and run.leased_until > time.time()
    last = run.attempts[-1]
    facts = {each.step: ledger.facts_of(each) for each in run.attempts if each.state == DONE}
    registered, promoted = facts.get("register", {}), facts.get("promote", {})
    version = promoted.get("version") or registered.get("version")
    return DayItem(
        run_id=run.run_id,
        batch=run.batch,
        state=RUNNING if alive and last.state == DONE else _state(last, alive),
        step=last.step,
        started_at=utc(run.attempts[0].started_at),
        seconds=sum(each.seconds or 0.0 for each in run.attempts),
        error=_error(last),
        version=None if version is None else str(version),
        outcome=str(promoted["outcome"]) if promoted else None,
        reasons=str(promoted["reason"]).split("; ") if promoted else [],
        steps=_steps(run.attempts, alive),
    )


def _steps(attempts: Sequence[StepRun], alive: bool) -> list[StepRunItem]:
    by_step: dict[str, list[StepRun]] = {}
    for each in attempts:
        by_step.setdefault(each.step, []).append(each)
    return [_step(found, alive) for found in by_step.values()]


def _step(attempts: Sequence[StepRun], alive: bool) -> StepRunItem:
    last, seconds = attempts[-1], [each.seconds for each in attempts if each.seconds is not None]
    started_at, took = utc(attempts[0].started_at), sum(seconds) if seconds else None
    return StepRunItem(last.step, _state(last, alive), started_at, took, len(attempts), _error(last))


def _state(attempt: StepRun, alive: bool) -> str:
    """What runs and has no lease was killed."""
    return KILLED if attempt.state == RUNNING and not alive else str(attempt.state)


def _error(attempt: StepRun) -> str | None:
    return None if attempt.error is None else printable(in_words(attempt.error))


def batches_told(paging: Paging) -> BatchList:
    """One page of the ledger."""
    total, found = run_queries.batches(paging.page, paging.per_page)
    return BatchList(items=[_batch(each) for each in found], **paging.of(total))


def _batch(row: Batch) -> BatchItem:
    is_leased = row.lease_until is not None and row.lease_until > time.time()
    done_at = None if row.done_at is None else utc(row.done_at)
    state = DONE if done_at is not None else "leased" if is_leased else "open"
    version = None if row.version is None else str(row.version)
    return BatchItem(
        *(row.batch, row.rows, row.clean, row.quarantined, row.excluded, row.sha256), done_at, version, state
    )


def quarantine_told(paging: Paging, batch: int | None) -> QuarantineList:
    """One page of the faults of all batches, or of one. Those that differ in hidden numbers alone are one."""
    found: dict[tuple[int, str, str], tuple[int, int]] = {}
    for number, field, reason, encounters, first in run_queries.quarantined(batch):
        key = number, field, printable(reason_to_show(field, reason))
        before, earliest = found.get(key, (0, first))
        found[key] = before + encounters, min(earliest, first)
    items = [QuarantineItem(*key, *counted) for key, counted in found.items()]
    return QuarantineList(items=paging.cut(items), **paging.of(len(items)))


def utc(at: datetime) -> datetime:
    """The databases keep no zone."""
    return at.replace(tzinfo=UTC)
