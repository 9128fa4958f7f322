"""`python -m tests.bench.stored_counts`: /statistics from stored counts against counting all rows, on SQLite.

Not a test: the seconds depend on the machine. The rows are counted by the query that /statistics used before counts
were stored with each batch.
"""

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import polars as pl
from litestar.testing import TestClient

from api.app import create_app
from api.fast_path import FastPath
from readmit.core.batch_counts import counts_of_batch
from readmit.core.cleaning import CLEAN_SCHEMA
from readmit.core.encounter import BY_NAME, ENCOUNTER, ICD9, OUTCOME, PATIENT
from readmit.core.suppression import FIELDS_COUNTED
from readmit.io.database import rows
from readmit.io.database.connection import CLEAN, connect, using
from readmit.io.database.readmission_counts import count_all_batches
from readmit.io.database.schema import migrate
from readmit.io.database.tables import EncounterCount
from readmit.settings import Settings
from tests.api.conftest import InMemoryModelSource

BATCH_ROWS = 15_000
OUTCOME_WEIGHTS = (54, 35, 11)
"""Percentages of NO, >30, <30."""
DIAGNOSES = 700
MILLION = 1_000_000


def main(options: Sequence[str]) -> int:
    """Print both durations and their ratio, and the duration of /statistics over 10 million rows."""
    args = _parse_args(options)
    with TemporaryDirectory() as folder:
        _compare_with_counting_rows(Path(folder) / "rows", args.rows, args.rounds)
        _measure_statistics(Path(folder) / "counts", args.counted, args.rounds)
    return 0


def _parse_args(options: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.stored_counts", description=__doc__)
    parser.add_argument("--rows", type=int, default=845_000, help="clean rows to count (845000)")
    parser.add_argument("--counted", type=int, default=10 * MILLION, help="rows behind the stored counts (10000000)")
    parser.add_argument("--rounds", type=int, default=5, help="number of rounds; medians are reported (5)")
    return parser.parse_args(options)


def _compare_with_counting_rows(folder: Path, height: int, rounds: int) -> None:
    batches = -(-height // BATCH_ROWS)
    with _api_client(folder) as client:
        frame = _encounters()
        store_seconds = [_seconds(lambda batch=batch: _store(batch, frame)) for batch in range(1, batches + 1)]
        count_seconds = [_seconds(lambda: counts_of_batch(1, frame)) for _ in range(rounds)]
        migration_seconds = _seconds(_count_all_batches)
        alternating = [(_seconds(_count_rows), _seconds(lambda: _request_statistics(client))) for _ in range(rounds)]
    row_seconds, stored_seconds = (median(durations) for durations in zip(*alternating, strict=True))
    print(f"{batches * BATCH_ROWS:,} rows in {batches} batches")
    print(f"  counting all rows       {1000 * row_seconds:10,.1f} ms")
    print(f"  /statistics             {1000 * stored_seconds:10,.1f} ms")
    print(f"  ratio                   {row_seconds / stored_seconds:10,.1f}")
    print(
        f"  storing a batch         {1000 * median(store_seconds):10,.1f} ms, "
        f"{1000 * median(count_seconds):,.1f} ms of it counting"
    )
    print(f"  counting all, once      {1000 * migration_seconds:10,.1f} ms, by the migration")


def _measure_statistics(folder: Path, height: int, rounds: int) -> None:
    batches = -(-height // BATCH_ROWS)
    with _api_client(folder) as client:
        _store(1, _encounters())
        _copy_counts(batches)
        seconds = [_seconds(lambda: _request_statistics(client)) for _ in range(2 * rounds)]
        with using(CLEAN):
            counts = EncounterCount.select().count()
    print(f"{batches * BATCH_ROWS:,} rows in {batches} batches: {counts:,} counts")
    print(f"  /statistics             {1000 * median(seconds):10,.1f} ms, the slowest {1000 * max(seconds):,.1f} ms")


@contextmanager
def _api_client(folder: Path) -> Iterator[TestClient[FastPath]]:
    """Yield a client of the API over new databases, without a model."""
    address = f"sqlite:///{folder}"
    connect(address)
    migrate()
    # The access log writes to the standard output of this moment.
    with redirect_stdout(StringIO()):
        app = create_app(InMemoryModelSource(), Settings(database_url=address, model_poll_seconds=3600))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        yield client


def _encounters() -> pl.DataFrame:
    """Return one batch with random valid values and many diagnosis codes."""
    rng = random.Random(130)
    columns: dict[str, list[str | int | None]] = {}
    for name, field in BY_NAME.items():
        values: Sequence[str | int | None] = field.choices or range(1, 12)
        if field.whole_number:
            values = [int(choice) for choice in values if choice is not None]
        elif field.pattern:
            values = [*map(str, range(1, DIAGNOSES)), "V57", None] if field.pattern == ICD9 else ["MC"]
        columns[name] = rng.choices(values, k=BATCH_ROWS)
    columns |= {name: list(range(BATCH_ROWS)) for name in (ENCOUNTER, PATIENT)}
    columns[OUTCOME] = list(rng.choices(BY_NAME[OUTCOME].choices, OUTCOME_WEIGHTS, k=BATCH_ROWS))
    return pl.DataFrame(columns, schema=CLEAN_SCHEMA)


def _store(batch: int, frame: pl.DataFrame) -> None:
    rows.replace_clean(batch, frame.with_columns(pl.col(ENCOUNTER) + BATCH_ROWS * batch))


def _count_all_batches() -> None:
    with using(CLEAN), CLEAN.atomic():
        count_all_batches()


def _copy_counts(batches: int) -> None:
    """Copy the counts of batch 1 to batches 2 and up."""
    columns = ", ".join(name for name in EncounterCount._meta.columns if name not in ("batch", "value"))
    value = "CASE field WHEN 'batch' THEN ? ELSE value END"
    copy = f"INSERT INTO encounter_counts (batch, value, {columns}) SELECT ?, {value}, {columns} FROM encounter_counts"
    with using(CLEAN), CLEAN.atomic():
        for batch in range(2, batches + 1):
            CLEAN.execute_sql(f"{copy} WHERE batch = 1", (batch, str(batch)))


def _count_rows() -> None:
    """Count as /statistics did before."""
    readmitted = f"SUM(CASE WHEN {OUTCOME} IN ('<30') THEN 1 ELSE 0 END)"
    for field in FIELDS_COUNTED:
        with using(CLEAN):
            CLEAN.execute_sql(f"SELECT {field}, COUNT(*), {readmitted} FROM encounters GROUP BY {field}").fetchall()


def _request_statistics(client: TestClient[FastPath]) -> None:
    client.get("/statistics").raise_for_status()


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
