"""A batch as bytes: JSON, CSV and Parquet, always the same bytes for the same rows, kept as files."""

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

# Canonical only: `007` would lose its zeros as a number, and 19 digits do not fit every reader's integer.
WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,17}")
ROWS_AT_ONCE = 500


class Format(StrEnum):
    """A representation; the value is its name in an address and in a file's name."""

    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"

    @property
    def media_type(self) -> str:
        return {"json": "application/json", "csv": "text/csv", "parquet": "application/vnd.apache.parquet"}[self.value]


@dataclass(frozen=True, slots=True)
class Rendered:
    """Bytes of a representation on disk, and their SHA-256."""

    path: Path
    sha256: str


def csv_bytes(frame: pl.DataFrame) -> bytes:
    return frame.write_csv().encode()


def parquet_bytes(frame: pl.DataFrame) -> bytes:
    buffer = BytesIO()
    frame.write_parquet(buffer, compression="zstd", compression_level=3, row_group_size=frame.height)
    return buffer.getvalue()


def json_bytes(frame: pl.DataFrame) -> bytes:
    """A JSON list of objects: whole numbers as numbers, all else as text."""
    return b"[" + b",\n".join(_json_rows(frame)) + b"]\n"


def _json_rows(frame: pl.DataFrame) -> Iterator[bytes]:
    numbers = [name in WHOLE_NUMBERS for name in frame.columns]
    for row in frame.iter_rows(buffer_size=ROWS_AT_ONCE):
        cells = (_cell(text, number) for text, number in zip(row, numbers, strict=True))
        record = dict(zip(frame.columns, cells, strict=True))
        yield json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()


def _cell(text: str, number: bool) -> str | int:
    return int(text) if number and WHOLE_NUMBER.fullmatch(text) else text


@dataclass(slots=True)
class BatchStore:
    """The batches' representations in one folder. CSV and Parquet are made at the start, JSON when first asked."""

    folder: Path
    made: dict[tuple[int, Format], Rendered] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def put(self, number: int, frame: pl.DataFrame, csv: bytes) -> None:
        self._keep(number, Format.CSV, csv)
        self._keep(number, Format.PARQUET, parquet_bytes(frame))

    def get(self, number: int, form: Format) -> Rendered:
        """The representation, made now if it was never asked for. KeyError: no such batch."""
        # One at a time: what is being rendered is the only large thing in memory.
        with self.lock:
            if (number, form) not in self.made:
                frame = pl.read_parquet(self.made[number, Format.PARQUET].path)
                self._keep(number, form, json_bytes(frame))
            return self.made[number, form]

    def _keep(self, number: int, form: Format, content: bytes) -> None:
        path = self.folder / f"batch-{number:04}.{form}"
        replace(path, content)
        self.made[number, form] = Rendered(path, sha256(content))
