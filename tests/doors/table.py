"""A table of made-up encounters in UCI's layout, and its damage."""

import csv
import io
import random
from collections.abc import Callable, Sequence

from readmit.core.encounter import BY_NAME, COLUMNS, DISPOSITION, FIELDS, Kind

HEADER = [BY_NAME[name].uci_name or name for name in COLUMNS]
CODES = {"payer_code": "MC", "medical_specialty": "Cardiology", "diag_1": "428", "diag_2": "250.83", "diag_3": "V57.1"}
ROWS = 12
Cells = list[list[str]]


def table(rows: int = ROWS, **values: str) -> Cells:
    """Return a header and valid encounters. `values`: the same in every row."""
    return [HEADER, *([_value(name, row, values) for name in COLUMNS] for row in range(rows))]


def _value(name: str, row: int, values: dict[str, str]) -> str:
    field, rng = BY_NAME[name], random.Random(f"{name} {row}")
    if name in values:
        return values[name]
    if field.kind is Kind.KEY:
        return str(1_000 + row)
    if name == DISPOSITION:
        return "1"
    if field.choices:
        return rng.choice(field.choices)
    return CODES.get(name) or str(rng.randint(max(field.low, 1), min(field.high, 9)))


def as_text(cells: Cells, delimiter: str = ",", end: str = "\n", quoting: int = csv.QUOTE_MINIMAL) -> str:
    """Return the cells as CSV."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(cells)
    return out.getvalue()


def as_bytes(cells: Cells, **options: str) -> bytes:
    """Return the cells as CSV in UTF-8."""
    return as_text(cells, **options).encode()  # type: ignore[arg-type]


def with_header(rename: Callable[[str], str]) -> bytes:
    """Return the table with renamed columns."""
    header, *rows = table()
    return as_bytes([[rename(name) for name in header], *rows])


def with_line(line: int, text: str, cells: Cells | None = None) -> bytes:
    """Return the table with another text in a line, numbered from 1."""
    lines = as_text(cells or table()).splitlines()
    lines[line - 1] = text
    return ("\n".join(lines) + "\n").encode()


def line_of(row: Sequence[str]) -> str:
    """Return a row as a line of CSV."""
    return ",".join(row)


assert len(FIELDS) == len(HEADER)
