"""CSV files as dictionary-encoded columns: read by Arrow, or by Python's strict reader if there are quotes.

Line lengths and the numbers of columns and rows are checked before anything is built.
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

BLOCK_BYTES = 4_000_000
"""Arrow's block size: larger than any accepted row."""
CHUNK_BYTES = 1_000_000
ROWS_PER_CHUNK = 8_192
DICTIONARY_TYPE = pa.dictionary(pa.int32(), pa.string())
HEADER = re.compile(rb"[\r\n]*([^\r\n]*)(?:\r\n|\r|\n)?")
LINE, NON_BLANK = re.compile(rb"[^\r\n]+"), re.compile(rb"\S")


@dataclass(frozen=True, slots=True)
class CsvRows:
    """The rows of a CSV file. `columns`: of the rows with as many cells as the header.

    `ragged`: the number of cells of each other row, by row index.
    """

    rows: int
    columns: list[pa.DictionaryArray]
    ragged: dict[int, int]


class CsvTable:
    """A CSV file. `header`: its column names.

    Raises InvalidTable when it is not valid CSV in UTF-8; TableTooLarge when it exceeds a limit.
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

    def read(self, indices: Sequence[int]) -> CsvRows:
        """Return the columns with the given indices. Raises InvalidTable, TableTooLarge."""
        try:
            return self._read_quoted(indices) if self._quoted else self._read_plain(indices)
        except pa.ArrowInvalid as error:
            raise InvalidTable("its rows cannot be parsed") from error

    def _plain_header(self) -> list[str]:
        match = HEADER.match(self._content, self._start)
        assert match is not None
        self._start = match.end()
        return match[1].decode().split(",") if match[1] else []

    def _read_plain(self, indices: Sequence[int]) -> CsvRows:
        limit = self._limits.rows
        if not self.header or NON_BLANK.search(self._content, self._start) is None:
            return CsvRows(0, [_empty() for _ in indices], {})
        breaks = self._content.count(b"\n") + self._content.count(b"\r")
        if breaks >= limit and _has_more_than(LINE.finditer(self._content, self._start), limit):
            raise TableTooLarge("rows", f"more than {limit:,} records")
        ragged: dict[int, int] = {}

        def skip(row: arrow_csv.InvalidRow) -> str:
            ragged[row.number - 1] = row.actual_columns
            return "skip"

        names = [str(index) for index in range(len(self.header))]
        # Without any name Arrow would convert all columns.
        included = [names[index] for index in indices] or names[:1]
        table = arrow_csv.read_csv(
            pa.BufferReader(pa.py_buffer(self._content)[self._start :]),
            arrow_csv.ReadOptions(use_threads=False, column_names=names, block_size=BLOCK_BYTES),
            arrow_csv.ParseOptions(quote_char=False, invalid_row_handler=skip),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(included, DICTIONARY_TYPE),
                include_columns=included,
                null_values=[],
                check_utf8=False,
            ),
        )
        columns = [_concatenate(table[str(index)].chunks) for index in indices]
        return CsvRows(table.num_rows + len(ragged), columns, ragged)

    def _records(self) -> Iterator[list[str]]:
        """Yield the rows of a file with quotes, where a row may span several lines."""
        text = io.TextIOWrapper(io.BytesIO(self._content), "utf-8-sig", newline="")
        lines = _RowLines(text, self._limits.row_bytes)
        try:
            for cells in csv.reader(lines, strict=True):
                lines.row_length = 0
                if cells:
                    yield cells
        except csv.Error as error:
            raise InvalidTable(str(error)) from error

    def _read_quoted(self, indices: Sequence[int]) -> CsvRows:
        records = self._records()
        width = len(next(records, []))
        ragged: dict[int, int] = {}
        chunks: list[list[pa.DictionaryArray]] = [[] for _ in indices]
        rows = 0
        while block := list(islice(records, ROWS_PER_CHUNK)):
            if rows + len(block) > self._limits.rows:
                raise TableTooLarge("rows", f"more than {self._limits.rows:,} records")
            ragged |= {rows + offset: len(cells) for offset, cells in enumerate(block) if len(cells) != width}
            columns = list(zip(*(cells for cells in block if len(cells) == width), strict=True))
            for chunk, index in zip(chunks, indices, strict=True):
                chunk.append(pa.array(columns[index] if columns else [], pa.string()).dictionary_encode())
            rows += len(block)
        return CsvRows(rows, [_concatenate(chunk) for chunk in chunks], ragged)


class _RowLines:
    """The lines of a text, with a limit on the characters of a row. `row_length`: characters of the current row."""

    def __init__(self, lines: Iterable[str], limit: int) -> None:
        self._lines, self._limit = iter(lines), limit
        self.row_length = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.row_length += len(line)
        if self.row_length > self._limit:
            raise _row_too_long(self._limit)
        return line


def _row_too_long(limit: int) -> TableTooLarge:
    return TableTooLarge("row_bytes", f"a row of more than {limit:,} bytes")


def _check_lines(content: bytes, limit: int) -> None:
    """Check that no line exceeds the limit, in strides of that length: each must contain the end of a line."""
    start = 0
    while start + limit < len(content):
        end = content.rfind(b"\n", start, start + limit + 1)
        if end < 0:
            end = content.rfind(b"\r", start, start + limit + 1)
        if end < 0:
            raise _row_too_long(limit)
        start = end + 1


def _check_utf8(content: bytes) -> None:
    """Check the encoding in chunks: decoded as a whole, the text may take four times its size."""
    if content.isascii():
        return
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(content), CHUNK_BYTES):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(content[start : start + CHUNK_BYTES], final=start + CHUNK_BYTES >= len(content))
        except UnicodeDecodeError as error:
            raise InvalidTable(f"not UTF-8: byte {start - pending + error.start} can't be decoded") from error


def _has_more_than(items: Iterator[object], limit: int) -> bool:
    return sum(1 for _ in islice(items, limit + 1)) > limit


def _empty() -> pa.DictionaryArray:
    return pa.array([], pa.string()).dictionary_encode()


def _concatenate(chunks: list[pa.DictionaryArray]) -> pa.DictionaryArray:
    if not chunks:
        return _empty()
    return pa.chunked_array(chunks).unify_dictionaries().combine_chunks()
