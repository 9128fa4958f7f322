"""Batch prediction of a table in chunks, with progress."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from ui.api_client import ApiClient
from ui.encounter_table import CHUNK_ROWS, chunks, join_results


@dataclass(frozen=True, slots=True)
class Progress:
    """The rows done so far. `seconds`: since the upload started."""

    done: int
    rows: int
    seconds: float

    @property
    def fraction(self) -> float:
        """Share of the rows, 0 to 1."""
        return self.done / self.rows

    @property
    def rows_per_second(self) -> float:
        """Average speed so far."""
        return self.done / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float:
        """Estimate at the average speed so far."""
        return (self.rows - self.done) / self.rows_per_second if self.rows_per_second else 0.0


def predict_table(api_client: ApiClient, table: pa.Table, report: Callable[[Progress], None]) -> pa.Table:
    """Return the prediction of each row, in order. Raises ApiUnavailable or RequestRejected when any chunk fails."""
    started, results = time.perf_counter(), []
    for chunk in chunks(table):
        results.append(api_client.predict_batch(chunk))
        done = min(len(results) * CHUNK_ROWS, table.num_rows)
        report(Progress(done, table.num_rows, time.perf_counter() - started))
    return join_results(results)
