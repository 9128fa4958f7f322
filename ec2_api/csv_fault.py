"""Where a file stops being CSV: by line and column, never by its cells, which are patients' data."""

import codecs
import re
from collections.abc import Sequence

QUOTED = re.compile(rb'"[^"]*+(?:""[^"]*+)*+"')
PLAIN = re.compile(rb'[^",\r\n]*+')
LINE_END = re.compile(rb"\r\n|\n|\r|\Z")
LONE_CARRIAGE_RETURN = re.compile(rb"\r(?!\n)")


def find_csv_fault(content: bytes, known_columns: Sequence[str]) -> str | None:
    """Return what is wrong first and where, or None when the content is CSV. Only known columns are named."""
    content = content.removeprefix(codecs.BOM_UTF8)
    if not content.strip():
        return "no line holds anything"
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return f"line {_line_at(content, error.start)}: not UTF-8 text"
    header: list[bytes] = []
    position = 0
    while position < len(content):
        cells, position, fault = _record(content, position)
        if fault:
            column, problem = fault
            return f"{_place(content, position, column, header, known_columns)}: {problem}"
        if header and len(cells) > len(header):
            where = _line_at(content, position - 1)
            return f"line {where}: {len(cells)} cells, but the header has {len(header)}"
        header = header or cells
    if found := LONE_CARRIAGE_RETURN.search(content):
        return f"line {_line_at(content, found.start())}: a carriage return without a line feed"
    return None


def _record(content: bytes, position: int) -> tuple[list[bytes], int, tuple[int, str] | None]:
    """Return the cells of a record, where the next one begins, and the column and kind of a fault.

    With a fault the position is that of the cell.
    """
    cells: list[bytes] = []
    while True:
        begin = position
        if content.startswith(b'"', position):
            quoted = QUOTED.match(content, position)
            if quoted is None:
                return cells, begin, (len(cells) + 1, "a quote is opened and never closed")
            position = quoted.end()
        elif plain := PLAIN.match(content, position):
            position = plain.end()
        cells.append(content[begin:position])
        if content.startswith(b",", position):
            position += 1
        elif end := LINE_END.match(content, position):
            return cells, end.end(), None
        else:
            quoted_cell = content.startswith(b'"', begin)
            problem = "text after the closing quote" if quoted_cell else "a quote inside an unquoted cell"
            return cells, begin, (len(cells), problem)


def _line_at(content: bytes, position: int) -> int:
    """Return the number of the line that holds this byte."""
    before = content[:position]
    return before.count(b"\n") + before.count(b"\r") - before.count(b"\r\n") + 1


def _place(content: bytes, position: int, column: int, header: list[bytes], known_columns: Sequence[str]) -> str:
    name = header[column - 1].decode().strip('"') if column <= len(header) else ""
    named = f" ({name})" if name in known_columns else ""
    return f"line {_line_at(content, position)}, column {column}{named}"
