"""A file of encounters as a table of text, and whether its columns are those of an encounter."""

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
from readmit.core.request import DROPPED, shown
from readmit.core.table_limits import InvalidTable, TableLimits, TableTooLarge

PARQUET_BEGINS = b"PAR1"
ROWS_AT_ONCE = 5_000
"""So many go to the API in one request: few enough for the bar to move, and to let others in between."""
MOST_ROWS = 500_000
LIMITS = TableLimits(rows=MOST_ROWS)
MOST_MEGABYTES = 64
"""Of a file, as Streamlit counts them for an upload: 1,048,576 bytes each."""


class InvalidEncounterTable(Exception):
    """The file can't be read as encounters. `why`: a key of the catalogue's family `many`; `named`: columns."""

    def __init__(self, why: str, named: tuple[str, ...] = ()) -> None:
        super().__init__(f"{why}: {', '.join(named)}")
        self.why = why
        self.named = named


@dataclass(frozen=True, slots=True)
class Checked:
    """A table, its columns named as an encounter's. `dropped`: columns that no encounter has.

    `torn`: lines that have more or fewer cells than the header, by their number in the file; they are in no table.
    """

    table: pa.Table
    dropped: tuple[str, ...]
    torn: tuple[int, ...]


def read(content: bytes) -> Checked:
    """Read the table of a CSV or Parquet file, within the limits that the API has, too.

    Raises NoTable when it is neither, is empty or too large, or lacks columns that are required.
    """
    if len(content) > MOST_MEGABYTES * 2**20:
        raise InvalidEncounterTable("too_large")
    is_parquet = content.startswith(PARQUET_BEGINS)
    try:
        checked = _parquet(content) if is_parquet else _csv(content)
    except InvalidTable as error:
        raise InvalidEncounterTable("no_parquet" if is_parquet else "no_csv") from error
    except TableTooLarge as error:
        raise InvalidEncounterTable("too_many_rows" if error.limit == "rows" else "too_large") from error
    if not checked.table.num_rows:
        raise InvalidEncounterTable("no_rows")
    return checked


def _csv(content: bytes) -> Checked:
    file = CsvTable(content, LIMITS)
    if not file.header:
        raise InvalidEncounterTable("no_csv")
    places, dropped = _places(file.header)
    found = file.read(list(places.values()))
    table = pa.table([each.dictionary_decode() for each in found.columns], list(places))
    # The header is the first line of the file.
    return Checked(table, dropped, tuple(sorted(row + 2 for row in found.ragged)))


def _parquet(content: bytes) -> Checked:
    file = ParquetTable(content, LIMITS)
    places, dropped = _places(file.header)
    found = dict(zip(places, file.read(list(places.values())), strict=True))
    if unreadable := tuple(name for name, column in found.items() if column is None and name not in DROPPED):
        raise InvalidEncounterTable("columns_unreadable", unreadable)
    columns = {name: column.dictionary_decode() for name, column in found.items() if column is not None}
    return Checked(pa.table(columns), (*dropped, *(name for name in found if name not in columns)), ())


def _places(header: list[str]) -> tuple[dict[str, int], tuple[str, ...]]:
    """Return the places of the columns that an encounter has, by name, and the names of the others."""
    names = [python_name(name.strip()) for name in header]
    if twice := tuple(shown(name) for name, times in Counter(names).items() if times > 1):
        raise InvalidEncounterTable("columns_twice", twice)
    if lacking := tuple(name for name in FEATURES if BY_NAME[name].required and name not in names):
        raise InvalidEncounterTable("columns_lacking", lacking)
    places = {name: place for place, name in enumerate(names) if name in BY_NAME}
    return places, tuple(shown(name) for name in names if name not in BY_NAME)


def pieces(table: pa.Table) -> Iterator[bytes]:
    """The table as Parquet, so many rows at a time."""
    for start in range(0, table.num_rows, ROWS_AT_ONCE):
        written = io.BytesIO()
        pq.write_table(table.slice(start, ROWS_AT_ONCE), written, compression="snappy")
        yield written.getvalue()


def joined(answers: list[bytes]) -> pa.Table:
    """The answers to all pieces in one table: index over all of them, prediction, probability, error."""
    read_back = [pq.read_table(io.BytesIO(answer)) for answer in answers]
    placed = [
        each.set_column(0, "index", pc.add(each["index"].cast(pa.int64()), place * ROWS_AT_ONCE))
        for place, each in enumerate(read_back)
    ]
    return pa.concat_tables(placed)
