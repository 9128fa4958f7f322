"""Decompressed size of a Parquet file, from its footer and page headers, before any page is decompressed.

The footer alone is not reliable: its sizes may be wrong, and a page of a few bytes may decompress to gigabytes. So the
headers of all pages that Arrow would read are checked here, in the same order and up to the same value.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from readmit.core.tabular.table_limits import InvalidTable, TableLimits, TableTooLarge
from readmit.core.tabular.thrift import I32, I64, ThriftReader, ThriftStruct

MAGIC = b"PAR1"
TAIL_BYTES = 8
MAX_FOOTER_BYTES = 2_000_000
MAX_SCHEMA_DEPTH = 16
MAX_NAME_BYTES = 1_000
MAX_PAGES = 50_000
MAX_PAGE_HEADER_BYTES = 65_536
REPEATED = 2
BYTE_ARRAY = 6
DATA_PAGE, DICTIONARY_PAGE, DATA_PAGE_V2 = 0, 2, 3
DELTA_BYTE_ARRAY = 7
"""An encoding whose values may repeat their predecessor: the page size does not bound the decoded size."""


@dataclass(frozen=True, slots=True)
class ParquetColumn:
    """A top-level column. `leaf`: its index among the leaves, None for a nested or repeated column."""

    name: str
    leaf: int | None
    is_bytes: bool


@dataclass(frozen=True, slots=True)
class ParquetLayout:
    """Structure of a Parquet file. `groups`: for each row group its number of rows, and its column chunks by leaf."""

    rows: int
    columns: tuple[ParquetColumn, ...]
    groups: tuple[tuple[int, list[ThriftStruct]], ...]


def parquet_layout(content: bytes, limits: TableLimits) -> ParquetLayout:
    """Read the footer. Raises InvalidTable when it is invalid; TableTooLarge when it exceeds a limit."""
    footer = _footer(content)
    columns, leaves = _columns(footer.structs(2), limits)
    rows = footer.integer(3, I64)
    if rows > limits.rows:
        raise TableTooLarge("rows", f"more than {limits.rows:,} records")
    groups = tuple((group.integer(3, I64), group.structs(1)) for group in footer.structs(4))
    if sum(number for number, _ in groups) != rows or any(len(chunks) != leaves for _, chunks in groups):
        raise InvalidTable("its row groups do not match its rows and columns")
    return ParquetLayout(rows, columns, groups)


def _footer(content: bytes) -> ThriftStruct:
    length = int.from_bytes(content[-TAIL_BYTES:-4], "little")
    start = len(content) - TAIL_BYTES - length
    if not content.startswith(MAGIC) or not content.endswith(MAGIC) or start < len(MAGIC):
        raise InvalidTable("it does not start or end like a Parquet file")
    if length > MAX_FOOTER_BYTES:
        raise TableTooLarge("columns", f"a footer of more than {MAX_FOOTER_BYTES:,} bytes")
    return ThriftReader(memoryview(content), start, len(content) - TAIL_BYTES).struct()


def _columns(schema: list[ThriftStruct], limits: TableLimits) -> tuple[tuple[ParquetColumn, ...], int]:
    """Return the columns of the top level, and the number of leaves below them."""
    if not schema:
        raise InvalidTable("its schema is empty")
    number = schema[0].integer(5, I32, 0)
    # No field is a nested column, but a file may have a few besides its fields.
    if number > limits.columns or len(schema) > 4 * limits.columns:
        raise TableTooLarge("columns", f"more than {limits.columns:,} columns")
    columns: list[ParquetColumn] = []
    leaves, open_nodes = 0, [number]
    for element in schema[1:]:
        while open_nodes and not open_nodes[-1]:
            open_nodes.pop()
        if not open_nodes:
            raise InvalidTable("its schema is inconsistent")
        open_nodes[-1] -= 1
        children = element.integer(5, I32, 0)
        if len(open_nodes) == 1:
            flat = not children and element.integer(3, I32, 0) != REPEATED
            name = _name(element)
            columns.append(ParquetColumn(name, leaves if flat else None, element.integer(1, I32, 0) == BYTE_ARRAY))
        leaves += not children
        if children:
            open_nodes.append(children)
        if len(open_nodes) > MAX_SCHEMA_DEPTH:
            raise TableTooLarge("columns", f"columns nested more than {MAX_SCHEMA_DEPTH} levels deep")
    if any(open_nodes):
        raise InvalidTable("its schema is inconsistent")
    return tuple(columns), leaves


def _name(element: ThriftStruct) -> str:
    name = element.binary(4)
    if len(name) > MAX_NAME_BYTES:
        raise TableTooLarge("columns", f"a column name of more than {MAX_NAME_BYTES:,} bytes")
    try:
        return name.decode()
    except UnicodeDecodeError as error:
        raise InvalidTable("a column name is not UTF-8") from error


def check_pages(content: bytes, layout: ParquetLayout, leaves: Iterable[int], limits: TableLimits) -> None:
    """Check the pages of some leaves. Raises InvalidTable when they contradict the footer; TableTooLarge."""
    total = 0
    chunks = [(rows, chunks[leaf]) for leaf in leaves for rows, chunks in layout.groups]
    sizes = (size for rows, chunk in chunks for size in _pages(content, rows, chunk, limits))
    for pages, size in enumerate(sizes, 1):
        total += size
        if pages > MAX_PAGES:
            raise TableTooLarge("text_bytes", f"more than {MAX_PAGES:,} pages")
        if size > limits.page_bytes:
            raise TableTooLarge("page_bytes", f"a page of more than {limits.page_bytes:,} bytes when decompressed")
        if total > limits.text_bytes:
            raise TableTooLarge("text_bytes", f"more than {limits.text_bytes:,} bytes when decompressed")


def _pages(content: bytes, rows: int, chunk: ThriftStruct, limits: TableLimits) -> Iterator[int]:
    """Yield the decompressed size in bytes of each page of a column chunk that Arrow would read."""
    metadata = chunk.struct(3)
    values = metadata.integer(5, I64)
    if values != rows:
        raise InvalidTable("a column has more or fewer values than its row group has rows")
    data, dictionary = metadata.integer(9, I64), metadata.integer(11, I64, 0)
    offset = dictionary if 0 < dictionary < data else data
    end = offset + metadata.integer(7, I64)
    if end > len(content):
        raise InvalidTable("a column extends beyond the end of the file")
    view, seen = memoryview(content), 0
    while seen < values:
        reader = ThriftReader(view, offset, min(end, offset + MAX_PAGE_HEADER_BYTES))
        header = reader.struct()
        seen += _values(header, limits)
        yield header.integer(2, I32)
        offset = reader.offset + header.integer(3, I32)
        if offset > end:
            raise InvalidTable("a page extends beyond the end of its column")
    if seen != values:
        raise InvalidTable("the pages of a column contain more values than the column")


def _values(header: ThriftStruct, limits: TableLimits) -> int:
    """Return the number of values of a data page, 0 for any other page. Raises TableTooLarge, InvalidTable."""
    kind = header.integer(1, I32)
    if kind == DICTIONARY_PAGE and header.struct(7).integer(1, I32) > limits.rows:
        raise TableTooLarge("rows", f"a dictionary of more than {limits.rows:,} values")
    if kind not in (DATA_PAGE, DATA_PAGE_V2):
        return 0
    page = header.struct(5) if kind == DATA_PAGE else header.struct(8)
    if page.integer(2 if kind == DATA_PAGE else 4, I32) == DELTA_BYTE_ARRAY:
        raise InvalidTable("it uses the encoding DELTA_BYTE_ARRAY, which this reader does not support")
    return page.integer(1, I32)
