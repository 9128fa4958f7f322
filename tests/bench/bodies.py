"""The posted batch: clean rows, repeated up to 100,000, as CSV and Parquet."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import polars as pl

from readmit.core.encounter import COLUMNS

ROWS = 100_000
CSV, PARQUET = "csv", "parquet"
MEDIA_TYPE = {CSV: "text/csv", PARQUET: "application/vnd.apache.parquet"}


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch. `files`: by format; `distinct`: number of rows without repetitions."""

    files: Mapping[str, Path]
    distinct: int


def batch_of(rows: Path, folder: Path) -> Batch:
    """Write a batch with all 50 columns of the source; null where unrecorded."""
    clean = pl.read_parquet(rows).select(COLUMNS)
    repeated = pl.concat([clean] * ceil(ROWS / clean.height)).head(ROWS)
    files = {kind: folder / f"batch.{kind}" for kind in (CSV, PARQUET)}
    repeated.write_csv(files[CSV])
    repeated.write_parquet(files[PARQUET])
    return Batch(files, min(clean.height, ROWS))
