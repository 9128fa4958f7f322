"""Query of the ledger for the metrics of the day: all that is known after an attempt, over one connection."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from operator import or_
from typing import Any

import peewee as pw

from readmit.core.errors import InstanceNotFound, SourceUnavailable
from readmit.io.database.connection import RAW, using
from readmit.io.database.ledger import parse_facts
from readmit.io.database.tables import Batch, Quarantined, SetAside, StepRun

Facts = dict[str, int | float | str | bool | None]
NOTHING_TO_DO, SOURCE_QUERIED, NOT_TODAY = '"go_on": false', '"released": ', '"not_today": '
"""Parts of the JSON facts of `check_source`: no batch was chosen, the source was queried, and it was stopped."""
NOT_FOUND = (SourceUnavailable.__name__, InstanceNotFound.__name__)
"""Errors by which the source was not found, with which the text of an error in the ledger begins."""


@dataclass(frozen=True, slots=True)
class LedgerState:
    """The ledger after an attempt. `current`: the row of the most recent attempt's batch.

    `quarantined`: encounters of that batch by field. `checked`, `trained` and `signalled`: the facts of the last
    successful attempt at `check_source`, as far as it queried the source, at `train` and at `signal`; empty if none.
    `source_check`: the last attempt that found the source in some state, or unavailable. `done`, `set_aside`: numbers
    of batches. `batch_done_at` and `finished_at`: when the last one was done, and when a day last ended, even one
    without a new batch, but not one on which the source was stopped; in seconds since 1970, None before the first.
    """

    current: Batch | None
    quarantined: dict[str, int]
    checked: Facts
    trained: Facts
    signalled: Facts
    source_check: StepRun | None
    done: int
    set_aside: int
    batch_done_at: float | None
    finished_at: float | None


def read_ledger_state() -> LedgerState:
    """Read the state. Raises StoreUnavailable when the database does not respond."""
    checks, signals = StepRun.step == "check_source", StepRun.step == "signal"
    with using(RAW):
        batches = list(Batch.select())
        current = _current({row.batch: row for row in batches})
        done = [_to_epoch(row.done_at) for row in batches if row.done_at is not None]
        skipped = StepRun.facts.contains(NOT_TODAY)
        ended = _last_done(signals | (checks & StepRun.facts.contains(NOTHING_TO_DO) & ~skipped))
        return LedgerState(
            current=current,
            quarantined={} if current is None else _quarantined(current.batch),
            checked=_facts(_last_done(checks & StepRun.facts.contains(SOURCE_QUERIED))),
            trained=_facts(_last_done(StepRun.step == "train")),
            signalled=_facts(_last_done(signals)),
            source_check=_last_source_check(checks),
            done=len(done),
            set_aside=SetAside.select().where(SetAside.undone_at.is_null()).count(),
            batch_done_at=max(done, default=None),
            finished_at=max([*done, *_end(ended)], default=None),
        )


def _to_epoch(time: datetime) -> float:
    """Return a time of the ledger, UTC without a time zone, as seconds since 1970."""
    return time.replace(tzinfo=UTC).timestamp()


def _current(rows: dict[int, Batch]) -> Batch | None:
    """Return the row of the batch of the most recent attempt that had one: a day without a new batch has none."""
    query = StepRun.select(StepRun.batch).where(StepRun.batch.in_(list(rows))).order_by(StepRun.number.desc()).limit(1)
    attempt = query.first()
    return None if attempt is None else rows[attempt.batch]


def _quarantined(batch: int) -> dict[str, int]:
    count = pw.fn.COUNT(pw.SQL("*"))
    query: Any = Quarantined.select(Quarantined.field, count).where(Quarantined.batch == batch)
    return {str(field): int(number) for field, number in query.group_by(Quarantined.field).tuples()}


def _last_done(condition: pw.Expression) -> StepRun | None:
    query = StepRun.select().where(condition & (StepRun.state == "done")).order_by(StepRun.number.desc()).limit(1)
    last: StepRun | None = query.first()
    return last


def _last_source_check(checks: pw.Expression) -> StepRun | None:
    queried = StepRun.facts.contains(SOURCE_QUERIED) | StepRun.facts.contains(NOT_TODAY)
    missing = reduce(or_, (StepRun.error.startswith(f"{name}: ") for name in NOT_FOUND))
    last: StepRun | None = StepRun.select().where(checks & (queried | missing)).order_by(StepRun.number.desc()).first()
    return last


def _facts(run: StepRun | None) -> Facts:
    return {} if run is None else parse_facts(run)


def _end(run: StepRun | None) -> list[float]:
    return [] if run is None or run.seconds is None else [_to_epoch(run.started_at) + run.seconds]
