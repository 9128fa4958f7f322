"""CSV files as dictionary-encoded columns: plain ones read by Arrow, others line by line.

The dialect is detected once, and line lengths and the numbers of columns and rows are checked before anything is built.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import pyarrow as pa
from pyarrow import csv as arrow_csv

from readmit.core.tabular.csv_dialect import LINE, detect_dialect
from readmit.core.tabular.csv_record import InvalidRecord, split_record
from readmit.core.tabular.table_header import TableHeader, match_header
from readmit.core.tabular.table_limits import InvalidTable, TableLimits, TableTooLarge
from readmit.core.tabular.text_encoding import count_line_ends, to_utf8

BLOCK_BYTES = 4_000_000
"""Arrow's block size: larger than any accepted row."""
ROWS_PER_CHUNK = 8_192
DICTIONARY_TYPE = pa.dictionary(pa.int32(), pa.string())
NON_BLANK_LINE, NON_BLANK = re.compile(rb"[^\r\n]+"), re.compile(rb"\S")
DECIMAL_COMMA = re.compile(r"[EVev]?\d+,\d+")


@dataclass(frozen=True, slots=True)
class RaggedRow:
    """A row with more or fewer cells than the header. `line`: its number in the file; `cells`: their number."""

    line: int
    cells: int

    def message(self, width: int) -> str:
        """Return what is wrong with the row. `width`: cells of the header."""
        return f"line {self.line} has {self.cells} cells, but the header has {width}"


@dataclass(frozen=True, slots=True)
class TableRows:
    """The rows of a table. `columns`: text of the rows with as many cells as the header; null: no value.

    `ragged`: the other rows, by row index.
    """

    rows: int
    columns: list[pa.DictionaryArray]
    ragged: dict[int, RaggedRow] = field(default_factory=dict)


class CsvTable:
    """A CSV file. `header`: its columns.

    Raises InvalidTable when it is not valid CSV of encounters; TableTooLarge when it exceeds a limit.
    """

    def __init__(self, content: bytes, limits: TableLimits) -> None:
        self._content, self._limits = to_utf8(content), limits
        _check_lines(self._content, limits.row_bytes)
        self._dialect = detect_dialect(self._content)
        if len(self._dialect.header) > limits.columns:
            raise TableTooLarge("columns", f"more than {limits.columns:,} columns")
        self.header: TableHeader = match_header(self._dialect.header)

    def is_readable(self, index: int) -> bool:  # noqa: ARG002 - as of a Parquet file
        """Return whether a column can be read: always."""
        return True

    def read(self, indices: Sequence[int]) -> TableRows:
        """Return the columns with the given indices.

        Raises InvalidTable, also when a nameless column with cells may be a missing one, and TableTooLarge.
        """
        nameless = self.header.nameless if self.header.missing else ()
        rows = self._read_all([*indices, *nameless])
        for index, column in zip(nameless, rows.columns[len(indices) :], strict=True):
            if any(text and not text.isspace() for text in column.dictionary.to_pylist()):
                raise InvalidTable(
                    f"column {index + 1} has no name and may be the missing column {self.header.missing[0]}: "
                    "name or remove it"
                )
        return TableRows(rows.rows, rows.columns[: len(indices)], rows.ragged)

    def _read_all(self, indices: Sequence[int]) -> TableRows:
        needs_parser = b'"' in self._content or _blank_rows(self._dialect.delimiter).search(
            self._content, max(0, self._dialect.start - 1)
        )
        try:
            rows = self._read_lines(indices) if needs_parser else self._read_plain(indices)
        except pa.ArrowInvalid:
            # Arrow's message quotes cells.
            raise InvalidTable("its rows cannot be parsed") from None
        return TableRows(rows.rows, [self._plain_column(column) for column in rows.columns], rows.ragged)

    def _plain_column(self, column: pa.DictionaryArray) -> pa.DictionaryArray:
        """Return a column without the blanks and decimal commas of the dialect."""
        if not self._dialect.padded and not self._dialect.decimal_comma:
            return column
        texts = column.dictionary.to_pylist()
        plain = [text.strip(" ") for text in texts] if self._dialect.padded else texts
        if self._dialect.decimal_comma:
            plain = [text.replace(",", ".") if DECIMAL_COMMA.fullmatch(text) else text for text in plain]
        return pa.DictionaryArray.from_arrays(column.indices, pa.array(plain, pa.string()))

    def _read_plain(self, indices: Sequence[int]) -> TableRows:
        content, start, limit = self._content, self._dialect.start, self._limits.rows
        if NON_BLANK.search(content, start) is None:
            return TableRows(0, [_empty() for _ in indices])
        breaks = content.count(b"\n", start) + content.count(b"\r", start)
        if breaks >= limit and _has_more_than(NON_BLANK_LINE.finditer(content, start), limit):
            raise TableTooLarge("rows", f"more than {limit:,} records")
        ragged: dict[int, int] = {}

        def skip(row: arrow_csv.InvalidRow) -> str:
            ragged[row.number - 1] = row.actual_columns
            return "skip"

        names = [str(index) for index in range(len(self.header.names))]
        # Without any name Arrow would convert all columns.
        included = [names[index] for index in indices] or names[:1]
        table = arrow_csv.read_csv(
            pa.BufferReader(pa.py_buffer(content)[start:]),
            arrow_csv.ReadOptions(use_threads=False, column_names=names, block_size=BLOCK_BYTES),
            arrow_csv.ParseOptions(delimiter=self._dialect.delimiter, quote_char=False, invalid_row_handler=skip),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(included, DICTIONARY_TYPE),
                include_columns=included,
                null_values=[],
                check_utf8=False,
            ),
        )
        columns = [_concatenate(table[str(index)].chunks) for index in indices]
        rows = table.num_rows + len(ragged)
        if 2 * len(ragged) > rows:
            raise self._mostly_ragged(rows, len(ragged), next(self._locate(ragged))[1])
        return TableRows(rows, columns, dict(self._locate(ragged)))

    def _locate(self, ragged: dict[int, int]) -> Iterator[tuple[int, RaggedRow]]:
        """Yield the ragged rows with their lines, by row index. `ragged`: cells by row index, in order."""
        position, line = self._dialect.start, self._dialect.line + 1
        for row, match in enumerate(NON_BLANK_LINE.finditer(self._content, position) if ragged else ()):
            if row in ragged:
                line += count_line_ends(self._content, position, match.start())
                position = match.start()
                yield row, RaggedRow(line, ragged[row])

    def _mostly_ragged(self, rows: int, ragged: int, first: RaggedRow) -> InvalidTable:
        """Return the error of a table in which more than half of the rows are ragged: its header is not theirs."""
        width = len(self.header.names)
        if rows == 1:
            return InvalidTable(first.message(width))
        return InvalidTable(
            f"{ragged:,} of {rows:,} rows have more or fewer cells than the header, which has {width}: "
            f"line {first.line} has {first.cells}"
        )

    def _read_lines(self, indices: Sequence[int]) -> TableRows:
        width, limit = len(self.header.names), self._limits.rows
        records, rows = self._records(), 0
        ragged: dict[int, RaggedRow] = {}
        chunks: list[list[pa.DictionaryArray]] = [[] for _ in indices]
        while block := list(islice(records, ROWS_PER_CHUNK)):
            if rows + len(block) > limit:
                raise TableTooLarge("rows", f"more than {limit:,} records")
            for offset, (line, cells) in enumerate(block):
                if len(cells) != width:
                    ragged[rows + offset] = RaggedRow(line, len(cells))
            columns = list(zip(*(cells for _, cells in block if len(cells) == width), strict=True))
            for chunk, index in zip(chunks, indices, strict=True):
                chunk.append(pa.array(columns[index] if columns else [], pa.string()).dictionary_encode())
            rows += len(block)
        if 2 * len(ragged) > rows:
            raise self._mostly_ragged(rows, len(ragged), next(iter(ragged.values())))
        return TableRows(rows, [_concatenate(chunk) for chunk in chunks], ragged)

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the line number and cells of each row in which any cell is not blank."""
        for number, match in enumerate(LINE.finditer(self._content, self._dialect.start), self._dialect.line + 1):
            line = match[1].decode()
            try:
                cells = split_record(line, self._dialect.delimiter)
            except InvalidRecord as error:
                position = self.header.position(error.column)
                raise InvalidTable(f"line {number}, {position}: {error}") from error
            if any(cell and not cell.isspace() for cell in cells):
                yield number, cells


def _blank_rows(delimiter: str) -> re.Pattern[bytes]:
    """Return the pattern of a line of nothing but delimiters and blanks: it is not a row."""
    return re.compile(rb"[\r\n][ \t%b]+(?=[\r\n]|\Z)" % re.escape(delimiter.encode()))


def _check_lines(content: bytes, limit: int) -> None:
    """Check that no line exceeds the limit, in strides of that length: each must contain the end of a line."""
    start = 0
    while start + limit < len(content):
        end = content.rfind(b"\n", start, start + limit + 1)
        if end < 0:
            end = content.rfind(b"\r", start, start + limit + 1)
        if end < 0:
            raise TableTooLarge("row_bytes", f"a row of more than {limit:,} bytes")
        start = end + 1


def _has_more_than(items: Iterator[object], limit: int) -> bool:
    return sum(1 for _ in islice(items, limit + 1)) > limit


def _empty() -> pa.DictionaryArray:
    return pa.array([], pa.string()).dictionary_encode()


def _concatenate(chunks: list[pa.DictionaryArray]) -> pa.DictionaryArray:
    if not chunks:
        return _empty()
    return pa.chunked_array(chunks).unify_dictionaries().combine_chunks()
