"""`readmit sql`: the result of one SQL query, as a table on a terminal, as CSV elsewhere."""

import csv
import io
from collections.abc import Iterator
from itertools import chain, islice
from numbers import Number

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from readmit.core.spreadsheet import escape_formula
from readmit.core.terminal_text import printable
from readmit.io.database.sql_query import SqlResult, execute_query

MAX_ROWS_SHOWN = 1_000
"""Rows of a table for reading; CSV has all rows."""
UNBOUNDED = 100_000
"""Terminal width, in columns, at which no table is wrapped."""


def lines(address: str, question: str, width: int | None) -> Iterator[str]:
    """Yield the result as lines. `width`: of the terminal, in columns; None: CSV with all rows.

    A table wider than the terminal is printed row by row, a line for each column.
    Raises QueryRejected when the database rejects the query.
    """
    with execute_query(address, question) as result:
        yield from _csv(result) if width is None else _table(result, width)


def _csv(result: SqlResult) -> Iterator[str]:
    line = io.StringIO()
    writer = csv.writer(line, lineterminator="")
    for row in chain([result.columns], result.rows) if result.columns else ():
        writer.writerow([escape_formula(cell) if isinstance(cell, str) else cell for cell in row])
        yield line.getvalue()
        line.seek(0)
        line.truncate()


def _table(result: SqlResult, width: int) -> Iterator[str]:
    rows = list(islice(result.rows, MAX_ROWS_SHOWN + 1))
    shown = [tuple("NULL" if cell is None else printable(str(cell)) for cell in row) for row in rows[:MAX_ROWS_SHOWN]]
    table = Table(box=box.SIMPLE_HEAD)
    for column, name in enumerate(result.columns):
        numbers = all(row[column] is None or isinstance(row[column], Number) for row in rows)
        table.add_column(Text(name), justify="right" if numbers else "left")
    for row in shown:
        table.add_row(*(Text(cell) for cell in row))
    console = Console(file=io.StringIO(), width=UNBOUNDED, color_system=None)
    if Measurement.get(console, console.options, table).maximum <= width:
        with console.capture() as capture:
            console.print(table)
        yield from capture.get().splitlines()
    else:
        yield from _row_by_row(result.columns, shown)
    if len(rows) > MAX_ROWS_SHOWN:
        yield f"Showing the first {MAX_ROWS_SHOWN:,} rows. To get all rows as CSV, append `| cat`."


def _row_by_row(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    width = max(len(name) for name in columns)
    for number, row in enumerate(rows, start=1):
        yield f"row {number:,}"
        yield from (f"  {name:<{width}}  {cell}" for name, cell in zip(columns, row, strict=True))
