"""Dialect of a CSV file: its delimiter, and where its header is. Detected once, from the header."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from readmit.core.tabular.csv_record import InvalidRecord, split_record
from readmit.core.tabular.table_header import FIELD_BY_NAME, normalize
from readmit.core.tabular.table_limits import InvalidTable

DELIMITERS = (",", ";", "\t", "|")
LINE = re.compile(rb"([^\r\n]*)(\r\n|\r|\n|\Z)")
SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[,;\t|]*', re.IGNORECASE)
"""A first line that names the delimiter, for Excel."""


@dataclass(frozen=True, slots=True)
class CsvDialect:
    """A dialect. `header`: the cells of the header, in line `line`; `start`: byte offset of the line below it."""

    delimiter: str
    header: tuple[str, ...]
    line: int
    start: int

    @property
    def padded(self) -> bool:
        """Whether cells have blanks around them, as the names in the header then have."""
        return any(name != name.strip(" ") for name in self.header)

    @property
    def decimal_comma(self) -> bool:
        """Whether numbers have a decimal comma, as spreadsheets write them where they separate cells by semicolons."""
        return self.delimiter == ";"


def detect_dialect(content: bytes) -> CsvDialect:
    """Detect the dialect of a text in UTF-8. Raises InvalidTable when it has no header of an encounter's fields."""
    delimiters: tuple[str, ...] = DELIMITERS
    for number, line, end in _lines(content):
        if not line.strip():
            continue
        if match := SEPARATOR_LINE.fullmatch(line.strip(" ")):
            delimiters = _named_delimiter(match[1], number)
            continue
        return _by_header(line, delimiters, number, end)
    raise InvalidTable("it has no header")


def _lines(content: bytes) -> Iterator[tuple[int, str, int]]:
    """Yield the number of each line, its text, and the offset of the next one."""
    start, number = 0, 0
    while start < len(content):
        match = LINE.match(content, start)
        assert match is not None
        start, number = match.end(), number + 1
        yield number, match[1].decode(), start


def _named_delimiter(delimiter: str, line: int) -> tuple[str, ...]:
    if delimiter not in DELIMITERS:
        raise InvalidTable(f"line {line}: cells must be separated by commas, semicolons, tabs or vertical bars")
    return (delimiter,)


def _by_header(line: str, delimiters: tuple[str, ...], number: int, end: int) -> CsvDialect:
    """Return the dialect whose delimiter gives the header the most fields."""
    candidates = [(_fields(line, delimiter), delimiter) for delimiter in delimiters]
    # The first of several with equally many.
    fields, delimiter = max(candidates, key=lambda candidate: candidate[0])
    try:
        header = split_record(line, delimiter)
    except InvalidRecord as error:
        raise InvalidTable(f"line {number}, column {error.column + 1}: {error}") from error
    if not fields:
        raise InvalidTable(f"line {number}: no column of the header is a field, such as encounter_id or race")
    return CsvDialect(delimiter, tuple(header), number, end)


def _fields(line: str, delimiter: str) -> int:
    # Without quotes, so that a wrong one does not hide the delimiter.
    return sum(normalize(name) in FIELD_BY_NAME for name in line.replace('"', "").split(delimiter))
