"""A file of encounters as a table of text, and whether its columns are those of an encounter."""

import io
from collections import Counter
from collections.abc import Iterator
from csv import reader as csv_lines
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as pq

from readmit.core.encounter import BY_NAME, FEATURES, python_name

PARQUET_BEGINS = b"PAR1"
ROWS_AT_ONCE = 5_000
"""So many go to the API in one request: few enough for the bar to move, and to let others in between."""
MOST_ROWS = 500_000


class NoTable(Exception):
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
    """The table of a CSV or Parquet file. NoTable: it is neither, is empty, or lacks columns that are required."""
    torn: list[int] = []
    table = _parquet(content) if content.startswith(PARQUET_BEGINS) else _csv(content, torn)
    if not table.num_rows:
        raise NoTable("no_rows")
    if table.num_rows > MOST_ROWS:
        raise NoTable("too_many_rows")
    return _checked(table, tuple(torn))


def _csv(content: bytes, torn: list[int]) -> pa.Table:
    def note(row: csv.InvalidRow) -> str:
        torn.append(row.number)
        return "skip"

    # One thread: with several nobody knows a line's number.
    reading, parsing = csv.ReadOptions(use_threads=False), csv.ParseOptions(invalid_row_handler=note)
    try:
        text = csv.ConvertOptions(column_types=dict.fromkeys(_header(content), pa.string()), strings_can_be_null=False)
        return csv.read_csv(io.BytesIO(content), reading, parsing, text)
    # UnicodeDecodeError is one, too, and so are pyarrow's own for what it can't read.
    except ValueError as error:
        raise NoTable("no_csv") from error


def _header(content: bytes) -> list[str]:
    first, _, rest = content.partition(b"\n")
    if first and not rest.strip():
        raise NoTable("no_rows")
    return next(csv_lines([first.decode("utf-8-sig")]), [])


def _parquet(content: bytes) -> pa.Table:
    try:
        return pq.read_table(io.BytesIO(content))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise NoTable("no_parquet") from error


def _checked(table: pa.Table, torn: tuple[int, ...]) -> Checked:
    names = [python_name(name.strip()) for name in table.column_names]
    if twice := tuple(name for name, times in Counter(names).items() if times > 1):
        raise NoTable("columns_twice", twice)
    if lacking := tuple(name for name in FEATURES if BY_NAME[name].required and name not in names):
        raise NoTable("columns_lacking", lacking)
    known = [name for name in names if name in BY_NAME]
    renamed = table.rename_columns(names).select(known)
    return Checked(renamed, tuple(name for name in names if name not in BY_NAME), torn)


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
