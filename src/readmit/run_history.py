"""What the days have come to, from the ledger: which batches are done, and how the last one ended."""

import json
from dataclasses import asdict, dataclass

from readmit.io.database import ledger, promotions
from readmit.io.database.tables import Batch
from readmit.step_summary import OUTCOMES


@dataclass(frozen=True, slots=True)
class RunHistory:
    """`done`: batches, in order; `last`: the day that ended last, in words, None before the first."""

    done: tuple[int, ...]
    last: str | None

    @classmethod
    def read(cls) -> "RunHistory":
        rows = [row for row in ledger.batch_rows() if row.done_at is not None]
        last = max(rows, key=lambda row: str(row.done_at), default=None)
        return cls(tuple(row.batch for row in rows), None if last is None else _in_words(last))

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    def lines(self) -> list[str]:
        """For a reader."""
        if self.last is None:
            return ["No day is done yet."]
        return [f"Done: batches {', '.join(map(str, self.done))}.", f"Last: {self.last}"]


def _in_words(row: Batch) -> str:
    verdict = None if row.version is None else promotions.verdict_on(str(row.version))
    if verdict is None:
        outcome = "its training was left out"
    else:
        outcome = f"version {verdict.version} {OUTCOMES[verdict.outcome]}"
    return f"batch {row.batch}, done {row.done_at:%Y-%m-%d %H:%M} UTC, {row.rows:,} encounters; {outcome}"
