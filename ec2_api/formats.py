"""Batches as JSON, CSV and Parquet files. The same rows always give the same bytes."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from threading import Lock

import polars as pl

from ec2_api.layout import WHOLE_NUMBERS, sha256
from ec2_api.state import replace

# Canonical numbers only: `007` would lose its zeros, and 19 digits do not fit every reader's integer.
WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,17}")
ROWS_PER_CHUNK = 500


class Format(StrEnum):
    """A file format; the value is its name in URLs and the file extension."""

    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"

    @property
    def media_type(self) -> str:
        """Media type of the format."""
        return {"json": "application/json", "csv": "text/csv", "parquet": "application/vnd.apache.parquet"}[self.value]


@dataclass(frozen=True, slots=True)
class Rendered:
    """A batch file on disk and its SHA-256."""

    path: Path
    sha256: str


def csv_bytes(frame: pl.DataFrame) -> bytes:
    """Return the rows as CSV with a header."""
    return frame.write_csv().encode()


def parquet_bytes(frame: pl.DataFrame) -> bytes:
    """Return the rows as Parquet in one row group."""
    buffer = BytesIO()
    frame.write_parquet(buffer, compression="zstd", compression_level=3, row_group_size=frame.height)
    return buffer.getvalue()


def json_bytes(frame: pl.DataFrame) -> bytes:
    """Return the rows as a JSON array of objects: integer columns as numbers, all others as text."""
    return b"[" + b",\n".join(_json_rows(frame)) + b"]\n"


def _json_rows(frame: pl.DataFrame) -> Iterator[bytes]:
    is_number = [name in WHOLE_NUMBERS for name in frame.columns]
    for row in frame.iter_rows(buffer_size=ROWS_PER_CHUNK):
        cells = (_cell(text, numeric) for text, numeric in zip(row, is_number, strict=True))
        record = dict(zip(frame.columns, cells, strict=True))
        yield json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()


def _cell(text: str, is_number: bool) -> str | int:
    return int(text) if is_number and WHOLE_NUMBER.fullmatch(text) else text


@dataclass(slots=True)
class BatchStore:
    """The batch files in one folder. CSV and Parquet are written at start-up, JSON at the first request."""

    folder: Path
    rendered: dict[tuple[int, Format], Rendered] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def put(self, number: int, frame: pl.DataFrame, csv: bytes) -> None:
        """Write a batch as CSV and Parquet."""
        self._store(number, Format.CSV, csv)
        self._store(number, Format.PARQUET, parquet_bytes(frame))

    def get(self, number: int, batch_format: Format) -> Rendered:
        """Return a batch file, written on the first request. Raises KeyError for an unknown batch."""
        # One at a time, to bound the memory.
        with self.lock:
            if (number, batch_format) not in self.rendered:
                frame = pl.read_parquet(self.rendered[number, Format.PARQUET].path)
                self._store(number, batch_format, json_bytes(frame))
            return self.rendered[number, batch_format]

    def _store(self, number: int, batch_format: Format, content: bytes) -> None:
        path = self.folder / f"batch-{number:04}.{batch_format}"
        replace(path, content)
        self.rendered[number, batch_format] = Rendered(path, sha256(content))
