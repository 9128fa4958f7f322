"""One line of CSV as cells, by RFC 4180; a cell cannot contain a line break, as no field of an encounter does."""

import csv
import re
from functools import cache

from readmit.core.errors import ReadmitError


class InvalidRecord(ReadmitError):
    """A line whose quotes are wrong. `column`: index of the cell; the text says what is wrong."""

    final = True

    def __init__(self, column: int, message: str) -> None:
        super().__init__(message)
        self.column = column


def split_record(line: str, delimiter: str) -> list[str]:
    """Return the cells of a line without its line end. Raises InvalidRecord when its quotes are wrong."""
    if '"' not in line:
        return line.split(delimiter)
    if not _record(delimiter).fullmatch(line):
        raise _first_fault(line, delimiter)
    return next(csv.reader([line], delimiter=delimiter))


@cache
def _record(delimiter: str) -> re.Pattern[str]:
    other = re.escape(delimiter)
    cell = rf'(?:"[^"]*+(?:""[^"]*+)*+"|[^"{other}]*+)'
    return re.compile(f"{cell}(?:{other}{cell})*+")


@cache
def _cell(delimiter: str) -> re.Pattern[str]:
    return re.compile(rf'"[^"]*+(?:""[^"]*+)*+"|[^"{re.escape(delimiter)}]*+')


def _first_fault(line: str, delimiter: str) -> InvalidRecord:
    position, column = 0, 0
    while True:
        match = _cell(delimiter).match(line, position)
        assert match is not None
        quoted = line.startswith('"', position)
        if quoted and not match[0]:
            return InvalidRecord(column, "an opening quote without a closing quote on the same line")
        position = match.end()
        if not line.startswith(delimiter, position):
            problem = "text after the closing quote" if quoted else "a quote inside an unquoted cell"
            return InvalidRecord(column, problem)
        position, column = position + 1, column + 1
