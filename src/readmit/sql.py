"""`readmit sql`: one question in SQL, and its answer as a table on a terminal, as CSV elsewhere."""

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
from readmit.io.database.sql_query import SqlResult, answer

MOST_SHOWN = 1_000
"""So many rows fit for reading; the whole is CSV."""
UNBOUNDED = 100_000
"""Columns of a terminal on which any table has the width that it wants."""


def lines(address: str, question: str, width: int | None) -> Iterator[str]:
    """The answer as lines. `width`: of the terminal; None: CSV, all rows.

    A table wider than the terminal is given row by row, a line for each column.
    QueryRefused: the database does not take the question.
    """
    with answer(address, question) as found:
        yield from _csv(found) if width is None else _for_a_person(found, width)


def _csv(found: SqlResult) -> Iterator[str]:
    line = io.StringIO()
    writer = csv.writer(line, lineterminator="")
    for row in chain([found.columns], found.rows) if found.columns else ():
        writer.writerow([escape_formula(cell) if isinstance(cell, str) else cell for cell in row])
        yield line.getvalue()
        line.seek(0)
        line.truncate()


def _for_a_person(found: SqlResult, width: int) -> Iterator[str]:
    rows = list(islice(found.rows, MOST_SHOWN + 1))
    shown = [tuple("NULL" if cell is None else printable(str(cell)) for cell in row) for row in rows[:MOST_SHOWN]]
    table = Table(box=box.SIMPLE_HEAD)
    for place, name in enumerate(found.columns):
        numbers = all(row[place] is None or isinstance(row[place], Number) for row in rows)
        table.add_column(Text(name), justify="right" if numbers else "left")
    for row in shown:
        table.add_row(*(Text(cell) for cell in row))
    page = Console(file=io.StringIO(), width=UNBOUNDED, color_system=None)
    if Measurement.get(page, page.options, table).maximum <= width:
        with page.capture() as drawn:
            page.print(table)
        yield from drawn.get().splitlines()
    else:
        yield from _row_by_row(found.columns, shown)
    if len(rows) > MOST_SHOWN:
        yield f"The first {MOST_SHOWN:,} rows; all of them, as CSV: `| cat`"


def _row_by_row(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    longest = max(len(name) for name in columns)
    for number, row in enumerate(rows, start=1):
        yield f"row {number:,}"
        yield from (f"  {name:<{longest}}  {cell}" for name, cell in zip(columns, row, strict=True))
