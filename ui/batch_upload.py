"""A whole table through the API, piece by piece, with a bar that tells how far it is and how long it will take."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from ui.api_client import ApiClient
from ui.encounter_table import ROWS_AT_ONCE, joined, pieces


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is. `seconds`: since the first piece was sent."""

    done: int
    rows: int
    seconds: float

    @property
    def share(self) -> float:
        return self.done / self.rows

    @property
    def rows_a_second(self) -> float:
        return self.done / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float:
        return (self.rows - self.done) / self.rows_a_second if self.rows_a_second else 0.0


def predicted(asking: ApiClient, table: pa.Table, tell: Callable[[Progress], None]) -> pa.Table:
    """The answer to each row of a table, in its order. Away, Refused: and nothing is kept of those before."""
    began, answers = time.perf_counter(), []
    for piece in pieces(table):
        answers.append(asking.predict_batch(piece))
        done = min(len(answers) * ROWS_AT_ONCE, table.num_rows)
        tell(Progress(done, table.num_rows, time.perf_counter() - began))
    return joined(answers)
