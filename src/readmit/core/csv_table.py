"""A CSV file as columns of codes and distinct values: by Arrow without quotes, else by Python's strict reader.

Lengths of lines, columns and rows are checked before anything is built.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import pyarrow as pa
from pyarrow import csv as arrow_csv

from readmit.core.table_limits import InvalidTable, TableLimits, TableTooLarge

BLOCK = 4_000_000
"""Bytes that Arrow takes at a time: more than a row may have."""
CHUNK = 1_000_000
ROWS_AT_ONCE = 8_192
CODED = pa.dictionary(pa.int32(), pa.string())
HEADER = re.compile(rb"[\r\n]*([^\r\n]*)(?:\r\n|\r|\n)?")
LINE, INK = re.compile(rb"[^\r\n]+"), re.compile(rb"\S")


@dataclass(frozen=True, slots=True)
class CsvRows:
    """`columns`: of the rows that have as many cells as the header. `ragged`: the cells of the others, by row."""

    rows: int
    columns: list[pa.DictionaryArray]
    ragged: dict[int, int]


class CsvTable:
    """`header`: the names of its columns.

    Raises InvalidTable when it is no CSV or not UTF-8; TableTooLarge when it exceeds a limit.
    """

    def __init__(self, content: bytes, limits: TableLimits) -> None:
        self._content, self._limits = content, limits
        self._start = len(codecs.BOM_UTF8) if content.startswith(codecs.BOM_UTF8) else 0
        _check_utf8(content)
        _check_lines(content, limits.row_bytes)
        self._quoted = b'"' in content
        self.header = next(self._records(), []) if self._quoted else self._plain_header()
        if len(self.header) > limits.columns:
            raise TableTooLarge("columns", f"more than {limits.columns:,} columns")

    def read(self, places: Sequence[int]) -> CsvRows:
        """Return the columns at some places. Raises InvalidTable, TableTooLarge."""
        try:
            return self._read_quoted(places) if self._quoted else self._read_plain(places)
        except pa.ArrowInvalid as error:
            raise InvalidTable("its rows cannot be parsed") from error

    def _plain_header(self) -> list[str]:
        found = HEADER.match(self._content, self._start)
        assert found is not None
        self._start = found.end()
        return found[1].decode().split(",") if found[1] else []

    def _read_plain(self, places: Sequence[int]) -> CsvRows:
        most = self._limits.rows
        if not self.header or INK.search(self._content, self._start) is None:
            return CsvRows(0, [_empty() for _ in places], {})
        breaks = self._content.count(b"\n") + self._content.count(b"\r")
        if breaks >= most and _counts_beyond(LINE.finditer(self._content, self._start), most):
            raise TableTooLarge("rows", f"more than {most:,} records")
        ragged: dict[int, int] = {}

        def skip(row: arrow_csv.InvalidRow) -> str:
            ragged[row.number - 1] = row.actual_columns
            return "skip"

        names = [str(place) for place in range(len(self.header))]
        # Without any name Arrow would convert all columns.
        wanted = [names[place] for place in places] or names[:1]
        table = arrow_csv.read_csv(
            pa.BufferReader(pa.py_buffer(self._content)[self._start :]),
            arrow_csv.ReadOptions(use_threads=False, column_names=names, block_size=BLOCK),
            arrow_csv.ParseOptions(quote_char=False, invalid_row_handler=skip),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(wanted, CODED), include_columns=wanted, null_values=[], check_utf8=False
            ),
        )
        columns = [_joined(table[str(place)].chunks) for place in places]
        return CsvRows(table.num_rows + len(ragged), columns, ragged)

    def _records(self) -> Iterator[list[str]]:
        """Yield the rows of a text with quotes, in which a row may have several lines."""
        text = io.TextIOWrapper(io.BytesIO(self._content), "utf-8-sig", newline="")
        lines = _RowLines(text, self._limits.row_bytes)
        try:
            for cells in csv.reader(lines, strict=True):
                lines.taken = 0
                if cells:
                    yield cells
        except csv.Error as error:
            raise InvalidTable(str(error)) from error

    def _read_quoted(self, places: Sequence[int]) -> CsvRows:
        records = self._records()
        width = len(next(records, []))
        ragged: dict[int, int] = {}
        chunks: list[list[pa.DictionaryArray]] = [[] for _ in places]
        rows = 0
        while some := list(islice(records, ROWS_AT_ONCE)):
            if rows + len(some) > self._limits.rows:
                raise TableTooLarge("rows", f"more than {self._limits.rows:,} records")
            ragged |= {rows + place: len(cells) for place, cells in enumerate(some) if len(cells) != width}
            whole = list(zip(*(cells for cells in some if len(cells) == width), strict=True))
            for chunk, place in zip(chunks, places, strict=True):
                chunk.append(pa.array(whole[place] if whole else [], pa.string()).dictionary_encode())
            rows += len(some)
        return CsvRows(rows, [_joined(chunk) for chunk in chunks], ragged)


class _RowLines:
    """The lines of a text, of which one row may take so many characters. `taken`: by the row in hand."""

    def __init__(self, lines: Iterable[str], most: int) -> None:
        self._lines, self._most = iter(lines), most
        self.taken = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.taken += len(line)
        if self.taken > self._most:
            raise _too_long(self._most)
        return line


def _too_long(most: int) -> TableTooLarge:
    return TableTooLarge("row_bytes", f"a row of more than {most:,} bytes")


def _check_lines(content: bytes, most: int) -> None:
    """Check that no line is too long, by leaps of that length: each has to find the end of a line behind it."""
    at = 0
    while at + most < len(content):
        end = content.rfind(b"\n", at, at + most + 1)
        if end < 0:
            end = content.rfind(b"\r", at, at + most + 1)
        if end < 0:
            raise _too_long(most)
        at = end + 1


def _check_utf8(content: bytes) -> None:
    """Check the encoding piece by piece: the whole as text may take four times its size."""
    if content.isascii():
        return
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(content), CHUNK):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(content[start : start + CHUNK], final=start + CHUNK >= len(content))
        except UnicodeDecodeError as error:
            raise InvalidTable(f"not UTF-8: byte {start - pending + error.start} can't be read") from error


def _counts_beyond(found: Iterator[object], most: int) -> bool:
    return sum(1 for _ in islice(found, most + 1)) > most


def _empty() -> pa.DictionaryArray:
    return pa.array([], pa.string()).dictionary_encode()


def _joined(chunks: list[pa.DictionaryArray]) -> pa.DictionaryArray:
    if not chunks:
        return _empty()
    return pa.chunked_array(chunks).unify_dictionaries().combine_chunks()
