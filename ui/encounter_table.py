"""A CSV or Parquet file of encounters, as a table of text with validated columns."""

import io
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from readmit.core.encounter import BY_NAME, FEATURES
from readmit.core.request import IGNORED_FIELDS
from readmit.core.tabular.table_file import open_table
from readmit.core.tabular.table_limits import (
    DuplicateColumns,
    InvalidTable,
    MissingColumns,
    TableLimits,
    TableTooLarge,
)

CHUNK_ROWS = 5_000
"""Rows per request: few enough for visible progress, and for other requests to be served in between."""
MAX_ROWS = 500_000
LIMITS = TableLimits(rows=MAX_ROWS)
MAX_MEGABYTES = 64
"""Size of a file, in Streamlit's unit for uploads: 1,048,576 bytes."""


class InvalidEncounterTable(Exception):
    """A file that is not a table of encounters.

    `reason`: a message key of the family `batch`; `detail`: what is wrong with the file.
    """

    def __init__(self, reason: str, columns: tuple[str, ...] = (), detail: str = "") -> None:
        super().__init__(f"{reason}: {detail or ', '.join(columns)}")
        self.reason = reason
        self.columns = columns
        self.detail = detail


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
    """Read a CSV or Parquet file, or a zip with one, within the limits of the API.

    Raises InvalidEncounterTable when it is none, is empty or too large, or lacks required columns.
    """
    if len(content) > MAX_MEGABYTES * 2**20:
        raise InvalidEncounterTable("too_large")
    try:
        encounters = _read_table(content)
    except DuplicateColumns as error:
        raise InvalidEncounterTable("duplicate_columns", error.names) from error
    except MissingColumns as error:
        raise InvalidEncounterTable("missing_columns", error.names) from error
    except InvalidTable as error:
        raise InvalidEncounterTable("invalid_table", detail=str(error)) from error
    except TableTooLarge as error:
        raise InvalidEncounterTable("too_many_rows" if error.limit == "rows" else "too_large") from error
    if not encounters.table.num_rows:
        raise InvalidEncounterTable("no_rows")
    return encounters


def _read_table(content: bytes) -> EncounterTable:
    file = open_table(content, LIMITS)
    header = file.header
    header.require([name for name in FEATURES if BY_NAME[name].required])
    header.require_certainty()
    fields = {
        name: index for name, index in header.fields.items() if name not in IGNORED_FIELDS or file.is_readable(index)
    }
    rows = file.read(list(fields.values()))
    table = pa.table([column.dictionary_decode() for column in rows.columns], list(fields))
    return EncounterTable(table, header.unknown, tuple(row.line for row in rows.ragged.values()))


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
