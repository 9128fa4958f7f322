"""A CSV or Parquet file of encounters, as a table of text with validated columns."""

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from readmit.core.csv_table import CsvTable
from readmit.core.encounter import BY_NAME, FEATURES, python_name
from readmit.core.parquet_table import ParquetTable
from readmit.core.request import IGNORED_FIELDS, printable_excerpt
from readmit.core.table_limits import InvalidTable, TableLimits, TableTooLarge

PARQUET_MAGIC = b"PAR1"
CHUNK_ROWS = 5_000
"""Rows per request: few enough for visible progress, and for other requests to be served in between."""
MAX_ROWS = 500_000
LIMITS = TableLimits(rows=MAX_ROWS)
MAX_MEGABYTES = 64
"""Size of a file, in Streamlit's unit for uploads: 1,048,576 bytes."""


class InvalidEncounterTable(Exception):
    """A file that is not a table of encounters. `reason`: a message key of the family `batch`."""

    def __init__(self, reason: str, columns: tuple[str, ...] = ()) -> None:
        super().__init__(f"{reason}: {', '.join(columns)}")
        self.reason = reason
        self.columns = columns


@dataclass(frozen=True, slots=True)
class EncounterTable:
    """The encounters of a file, with the columns named as the fields.

    `unknown_columns`: column names of the file that are not fields. `ragged_lines`: numbers of the lines of the file
    with more or fewer cells than the header; `table` does not contain them.
    """

    table: pa.Table
    unknown_columns: tuple[str, ...]
    ragged_lines: tuple[int, ...]


def read(content: bytes) -> EncounterTable:
    """Read a CSV or Parquet file, within the limits of the API.

    Raises InvalidEncounterTable when it is neither, is empty or too large, or lacks required columns.
    """
    if len(content) > MAX_MEGABYTES * 2**20:
        raise InvalidEncounterTable("too_large")
    is_parquet = content.startswith(PARQUET_MAGIC)
    try:
        encounters = _parquet(content) if is_parquet else _csv(content)
    except InvalidTable as error:
        raise InvalidEncounterTable("invalid_parquet" if is_parquet else "invalid_csv") from error
    except TableTooLarge as error:
        raise InvalidEncounterTable("too_many_rows" if error.limit == "rows" else "too_large") from error
    if not encounters.table.num_rows:
        raise InvalidEncounterTable("no_rows")
    return encounters


def _csv(content: bytes) -> EncounterTable:
    file = CsvTable(content, LIMITS)
    if not file.header:
        raise InvalidEncounterTable("invalid_csv")
    positions, unknown = _positions(file.header)
    rows = file.read(list(positions.values()))
    table = pa.table([column.dictionary_decode() for column in rows.columns], list(positions))
    # Row 0 is line 2 of the file, below the header.
    return EncounterTable(table, unknown, tuple(sorted(row + 2 for row in rows.ragged)))


def _parquet(content: bytes) -> EncounterTable:
    file = ParquetTable(content, LIMITS)
    positions, unknown = _positions(file.header)
    columns = dict(zip(positions, file.read(list(positions.values())), strict=True))
    unsupported = tuple(name for name, column in columns.items() if column is None and name not in IGNORED_FIELDS)
    if unsupported:
        raise InvalidEncounterTable("unsupported_columns", unsupported)
    decoded = {name: column.dictionary_decode() for name, column in columns.items() if column is not None}
    return EncounterTable(pa.table(decoded), (*unknown, *(name for name in columns if name not in decoded)), ())


def _positions(header: list[str]) -> tuple[dict[str, int], tuple[str, ...]]:
    """Return the positions of the columns that are fields, by field name, and the names of the other columns."""
    names = [python_name(name.strip()) for name in header]
    if duplicates := tuple(printable_excerpt(name) for name, count in Counter(names).items() if count > 1):
        raise InvalidEncounterTable("duplicate_columns", duplicates)
    if missing := tuple(name for name in FEATURES if BY_NAME[name].required and name not in names):
        raise InvalidEncounterTable("missing_columns", missing)
    positions = {name: position for position, name in enumerate(names) if name in BY_NAME}
    return positions, tuple(printable_excerpt(name) for name in names if name not in BY_NAME)


def chunks(table: pa.Table) -> Iterator[bytes]:
    """Yield the table as Parquet files of at most CHUNK_ROWS rows."""
    for start in range(0, table.num_rows, CHUNK_ROWS):
        buffer = io.BytesIO()
        pq.write_table(table.slice(start, CHUNK_ROWS), buffer, compression="snappy")
        yield buffer.getvalue()


def join_results(results: list[bytes]) -> pa.Table:
    """Return the predictions of all chunks as one table, with `index` numbered across the chunks."""
    tables = [pq.read_table(io.BytesIO(result)) for result in results]
    indexed = [
        table.set_column(0, "index", pc.add(table["index"].cast(pa.int64()), position * CHUNK_ROWS))
        for position, table in enumerate(tables)
    ]
    return pa.concat_tables(indexed)
