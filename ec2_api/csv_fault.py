"""Location of the first CSV error by line and column; cells are patient data and never quoted."""

import codecs
import re
from collections.abc import Sequence

QUOTED = re.compile(rb'"[^"]*+(?:""[^"]*+)*+"')
PLAIN = re.compile(rb'[^",\r\n]*+')
LINE_END = re.compile(rb"\r\n|\n|\r|\Z")
LONE_CARRIAGE_RETURN = re.compile(rb"\r(?!\n)")


def find_csv_error(content: bytes, known_columns: Sequence[str]) -> str | None:
    """Return the first error and its location, or None when the content is valid CSV. Only known columns are named."""
    content = content.removeprefix(codecs.BOM_UTF8)
    if not content.strip():
        return "the file has no content"
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return f"line {_line_at(content, error.start)}: not UTF-8 text"
    header: list[bytes] = []
    position = 0
    while position < len(content):
        cells, position, error_at = _record(content, position)
        if error_at:
            column, problem = error_at
            return f"{_location(content, position, column, header, known_columns)}: {problem}"
        if header and len(cells) > len(header):
            where = _line_at(content, position - 1)
            return f"line {where}: {len(cells)} cells, but the header has {len(header)}"
        header = header or cells
    if match := LONE_CARRIAGE_RETURN.search(content):
        return f"line {_line_at(content, match.start())}: a carriage return without a line feed"
    return None


def _record(content: bytes, position: int) -> tuple[list[bytes], int, tuple[int, str] | None]:
    """Return the cells of a record, the position of the next one, and the column and description of an error.

    With an error the position is that of the cell.
    """
    cells: list[bytes] = []
    while True:
        start = position
        if content.startswith(b'"', position):
            quoted = QUOTED.match(content, position)
            if quoted is None:
                return cells, start, (len(cells) + 1, "an opening quote without a closing quote")
            position = quoted.end()
        elif plain := PLAIN.match(content, position):
            position = plain.end()
        cells.append(content[start:position])
        if content.startswith(b",", position):
            position += 1
        elif end := LINE_END.match(content, position):
            return cells, end.end(), None
        else:
            quoted_cell = content.startswith(b'"', start)
            problem = "text after the closing quote" if quoted_cell else "a quote inside an unquoted cell"
            return cells, start, (len(cells), problem)


def _line_at(content: bytes, position: int) -> int:
    """Return the number of the line at this byte offset."""
    before = content[:position]
    return before.count(b"\n") + before.count(b"\r") - before.count(b"\r\n") + 1


def _location(content: bytes, position: int, column: int, header: list[bytes], known_columns: Sequence[str]) -> str:
    name = header[column - 1].decode().strip('"') if column <= len(header) else ""
    suffix = f" ({name})" if name in known_columns else ""
    return f"line {_line_at(content, position)}, column {column}{suffix}"
