"""The history of days, from the ledger: which batches are done, and the outcome of the last one."""

import json
from dataclasses import asdict, dataclass

from readmit.io.database import ledger, promotions
from readmit.io.database.tables import Batch
from readmit.step_summary import OUTCOMES


@dataclass(frozen=True, slots=True)
class RunHistory:
    """The batches that are `done`, in order, and a summary of the day that ended `last`; None before the first."""

    done: tuple[int, ...]
    last: str | None

    @classmethod
    def read(cls) -> "RunHistory":
        """Read the history from the ledger."""
        rows = [row for row in ledger.list_batches() if row.done_at is not None]
        last = max(rows, key=lambda row: str(row.done_at), default=None)
        return cls(tuple(row.batch for row in rows), None if last is None else _summary(last))

    def to_json(self) -> str:
        """Return the fields as JSON."""
        return json.dumps(asdict(self))

    def lines(self) -> list[str]:
        """Return the history as lines of text."""
        if self.last is None:
            return ["No day has been completed yet."]
        return [f"Done: batches {', '.join(map(str, self.done))}.", f"Last: {self.last}"]


def _summary(row: Batch) -> str:
    verdict = None if row.version is None else promotions.get_verdict(str(row.version))
    outcome = "no training" if verdict is None else f"version {verdict.version} {OUTCOMES[verdict.outcome]}"
    return f"batch {row.batch}, done {row.done_at:%Y-%m-%d %H:%M} UTC, {row.rows:,} encounters; {outcome}"
