"""The history of days, from the ledger: which batches are done or set aside, and the outcome of the last day."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime

from readmit.io.database import ledger, promotions, set_aside_batches
from readmit.io.database.tables import Batch, SetAside, StepRun
from readmit.step_summary import OUTCOMES


@dataclass(frozen=True, slots=True)
class RunHistory:
    """The batches that are `done`, in order, and a summary of the day that ended `last`; None before the first.

    `not_today`: the last run, if the source was stopped outside its hours; `set_aside`: a text for each such batch.
    """

    done: tuple[int, ...]
    last: str | None
    not_today: str | None = None
    set_aside: tuple[str, ...] = ()

    @classmethod
    def read(cls) -> "RunHistory":
        """Read the history from the ledger."""
        rows = [row for row in ledger.list_batches() if row.done_at is not None]
        last = max(rows, key=lambda row: str(row.done_at), default=None)
        checks = ledger.list_step_runs(step="check_source")
        return cls(
            tuple(row.batch for row in rows),
            None if last is None else _summary(last),
            not_today_text(checks[-1]) if checks else None,
            tuple(set_aside_text(entry) for entry in set_aside_batches.list_current()),
        )

    def to_json(self) -> str:
        """Return the fields as JSON."""
        return json.dumps(asdict(self))

    def lines(self) -> list[str]:
        """Return the history as lines of text."""
        if self.last is None:
            done = ["No day has been completed yet."]
        else:
            done = [f"Done: batches {', '.join(map(str, self.done))}.", f"Last: {self.last}"]
        return [*done, *([] if self.not_today is None else [self.not_today]), *self.set_aside]


def skipped_days(after: datetime | None) -> list[str]:
    """Return a text for each run since a time that found the source stopped outside its hours, oldest first."""
    runs = ledger.list_step_runs(step="check_source")
    return [text for run in runs if (after is None or run.started_at > after) and (text := not_today_text(run))]


def not_today_text(run: StepRun) -> str | None:
    """Return a text for a run of `check_source` that found the source stopped outside its hours, else None."""
    reason = ledger.parse_facts(run).get("not_today")
    return None if reason is None else f"Not today, {run.started_at:%Y-%m-%d %H:%M} UTC: {reason}"


def set_aside_text(entry: SetAside) -> str:
    """Return which batch is set aside, by whom, when and why."""
    since = f"{entry.created_at:%Y-%m-%d %H:%M} UTC"
    return f"Batch {entry.batch} is set aside since {since}, by {entry.operator}: {entry.reason}"


def _summary(row: Batch) -> str:
    verdict = None if row.version is None else promotions.get_verdict(str(row.version))
    outcome = "no training" if verdict is None else f"version {verdict.version} {OUTCOMES[verdict.outcome]}"
    return f"batch {row.batch}, done {row.done_at:%Y-%m-%d %H:%M} UTC, {row.rows:,} encounters; {outcome}"
