"""Days, batches and quarantine, read from the ledger."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from api.read_api.paging import Paging
from api.read_api.schemas import BatchItem, BatchList, DayItem, DayList, QuarantineItem, QuarantineList, StepRunItem
from readmit.core.errors import error_message
from readmit.core.quarantine_reasons import redact_reason
from readmit.core.terminal_text import printable
from readmit.io.database import ledger, run_queries, set_aside_batches
from readmit.io.database.run_queries import BatchRun
from readmit.io.database.tables import Batch, StepRun

RUNNING, DONE, KILLED = "running", "done", "killed"


def list_days(paging: Paging, batch: int | None) -> DayList:
    """Return one page of the runs of all batches, or of one."""
    total, runs = run_queries.list_batch_runs(paging.page, paging.per_page, batch)
    return DayList(items=[_day(run) for run in runs], **paging.position(total))


def _day(run: BatchRun) -> DayItem:
    alive = run.leased_until is not None and run.leased_until > time.time()
    last = run.attempts[-1]
    facts = {attempt.step: ledger.parse_facts(attempt) for attempt in run.attempts if attempt.state == DONE}
    registered, promoted = facts.get("register", {}), facts.get("promote", {})
    version = promoted.get("version") or registered.get("version")
    return DayItem(
        run_id=run.run_id,
        batch=run.batch,
        state=RUNNING if alive and last.state == DONE else _state(last, alive),
        step=last.step,
        started_at=utc(run.attempts[0].started_at),
        seconds=sum(attempt.seconds or 0.0 for attempt in run.attempts),
        error=_error(last),
        version=None if version is None else str(version),
        outcome=str(promoted["outcome"]) if promoted else None,
        reasons=str(promoted["reason"]).split("; ") if promoted else [],
        steps=_steps(run.attempts, alive),
    )


def _steps(attempts: Sequence[StepRun], alive: bool) -> list[StepRunItem]:
    by_step: dict[str, list[StepRun]] = {}
    for attempt in attempts:
        by_step.setdefault(attempt.step, []).append(attempt)
    return [_step(attempts_of_step, alive) for attempts_of_step in by_step.values()]


def _step(attempts: Sequence[StepRun], alive: bool) -> StepRunItem:
    last, durations = attempts[-1], [attempt.seconds for attempt in attempts if attempt.seconds is not None]
    started_at, seconds = utc(attempts[0].started_at), sum(durations) if durations else None
    return StepRunItem(last.step, _state(last, alive), started_at, seconds, len(attempts), _error(last))


def _state(attempt: StepRun, alive: bool) -> str:
    """Return the state of an attempt; one that is running without a lease was killed."""
    return KILLED if attempt.state == RUNNING and not alive else str(attempt.state)


def _error(attempt: StepRun) -> str | None:
    return None if attempt.error is None else printable(error_message(attempt.error))


def list_batches(paging: Paging) -> BatchList:
    """Return one page of the batches."""
    total, batches = run_queries.list_batches(paging.page, paging.per_page)
    set_aside = set_aside_batches.numbers()
    return BatchList(items=[_batch(row, row.batch in set_aside) for row in batches], **paging.position(total))


def _batch(row: Batch, is_set_aside: bool) -> BatchItem:
    is_leased = row.lease_until is not None and row.lease_until > time.time()
    done_at = None if row.done_at is None else utc(row.done_at)
    state = DONE if done_at is not None else "set_aside" if is_set_aside else "leased" if is_leased else "open"
    version = None if row.version is None else str(row.version)
    return BatchItem(
        *(row.batch, row.rows, row.clean, row.quarantined, row.excluded, row.sha256), done_at, version, state
    )


def list_quarantine(paging: Paging, batch: int | None) -> QuarantineList:
    """Return one page of the faults of all batches, or of one; those with equal redacted reasons are merged."""
    merged: dict[tuple[int, str, str], tuple[int, int]] = {}
    for number, field, reason, encounters, first in run_queries.count_quarantined(batch):
        key = number, field, printable(redact_reason(field, reason))
        count, earliest = merged.get(key, (0, first))
        merged[key] = count + encounters, min(earliest, first)
    items = [QuarantineItem(*key, *counts) for key, counts in merged.items()]
    return QuarantineList(items=paging.slice(items), **paging.position(len(items)))


def utc(at: datetime) -> datetime:
    """Return a time with its zone, which the databases do not store."""
    return at.replace(tzinfo=UTC)
