"""What a Parquet file would unpack to, read from its footer and its page headers before any page is unpacked.

The footer alone proves nothing: the sizes in it may be lies, and a page of a few bytes may unpack to gigabytes. So
the pages that would be read are walked here, header by header, in the order and up to the value that Arrow reads.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from readmit.core.table_limits import InvalidTable, TableLimits, TableTooLarge
from readmit.core.thrift import I32, I64, ThriftReader, ThriftStruct

MAGIC = b"PAR1"
TAIL_BYTES = 8
MOST_FOOTER_BYTES = 2_000_000
MOST_SCHEMA_DEPTH = 16
MOST_NAME_BYTES = 1_000
MOST_PAGES = 50_000
MOST_PAGE_HEADER_BYTES = 65_536
REPEATED = 2
BYTE_ARRAY = 6
DATA_PAGE, DICTIONARY_PAGE, DATA_PAGE_V2 = 0, 2, 3
DELTA_BYTE_ARRAY = 7
"""An encoding in which each value may repeat the one before: the size of a page does not bound what it decodes to."""


@dataclass(frozen=True, slots=True)
class ParquetColumn:
    """A column of the top level. `leaf`: its place among the leaves, None for one that is nested or repeated."""

    name: str
    leaf: int | None
    is_bytes: bool


@dataclass(frozen=True, slots=True)
class ParquetLayout:
    """`groups`: for each row group its number of rows, and its column chunks by leaf."""

    rows: int
    columns: tuple[ParquetColumn, ...]
    groups: tuple[tuple[int, list[ThriftStruct]], ...]


def parquet_layout(content: bytes, limits: TableLimits) -> ParquetLayout:
    """Read the footer. Raises InvalidTable when it is none; TableTooLarge when it exceeds a limit."""
    footer = _footer(content)
    columns, leaves = _columns(footer.structs(2), limits)
    rows = footer.integer(3, I64)
    if rows > limits.rows:
        raise TableTooLarge("rows", f"more than {limits.rows:,} records")
    groups = tuple((each.integer(3, I64), each.structs(1)) for each in footer.structs(4))
    if sum(number for number, _ in groups) != rows or any(len(chunks) != leaves for _, chunks in groups):
        raise InvalidTable("its row groups do not add up to its rows and columns")
    return ParquetLayout(rows, columns, groups)


def _footer(content: bytes) -> ThriftStruct:
    length = int.from_bytes(content[-TAIL_BYTES:-4], "little")
    start = len(content) - TAIL_BYTES - length
    if not content.startswith(MAGIC) or not content.endswith(MAGIC) or start < len(MAGIC):
        raise InvalidTable("its beginning or its end is not that of a Parquet file")
    if length > MOST_FOOTER_BYTES:
        raise TableTooLarge("columns", f"a footer of more than {MOST_FOOTER_BYTES:,} bytes")
    return ThriftReader(memoryview(content), start, len(content) - TAIL_BYTES).struct()


def _columns(schema: list[ThriftStruct], limits: TableLimits) -> tuple[tuple[ParquetColumn, ...], int]:
    """Return the columns of the top level, and the number of leaves below them."""
    if not schema:
        raise InvalidTable("its schema is empty")
    number = schema[0].integer(5, I32, 0)
    # A nested column of ours is none, but a few may stand beside those that are.
    if number > limits.columns or len(schema) > 4 * limits.columns:
        raise TableTooLarge("columns", f"more than {limits.columns:,} columns")
    columns: list[ParquetColumn] = []
    leaves, open_nodes = 0, [number]
    for element in schema[1:]:
        while open_nodes and not open_nodes[-1]:
            open_nodes.pop()
        if not open_nodes:
            raise InvalidTable("its schema does not add up")
        open_nodes[-1] -= 1
        children = element.integer(5, I32, 0)
        if len(open_nodes) == 1:
            flat = not children and element.integer(3, I32, 0) != REPEATED
            name = _name(element)
            columns.append(ParquetColumn(name, leaves if flat else None, element.integer(1, I32, 0) == BYTE_ARRAY))
        leaves += not children
        if children:
            open_nodes.append(children)
        if len(open_nodes) > MOST_SCHEMA_DEPTH:
            raise TableTooLarge("columns", f"columns that are nested more than {MOST_SCHEMA_DEPTH} deep")
    if any(open_nodes):
        raise InvalidTable("its schema does not add up")
    return tuple(columns), leaves


def _name(element: ThriftStruct) -> str:
    name = element.binary(4)
    if len(name) > MOST_NAME_BYTES:
        raise TableTooLarge("columns", f"a column name of more than {MOST_NAME_BYTES:,} bytes")
    try:
        return name.decode()
    except UnicodeDecodeError as error:
        raise InvalidTable("a column name is not UTF-8") from error


def check_pages(content: bytes, layout: ParquetLayout, leaves: Iterable[int], limits: TableLimits) -> None:
    """Check the pages of some leaves. Raises InvalidTable when they contradict the footer; TableTooLarge."""
    unpacked = 0
    chunks = [(rows, chunks[leaf]) for leaf in leaves for rows, chunks in layout.groups]
    sizes = (size for rows, chunk in chunks for size in _pages(content, rows, chunk, limits))
    for pages, size in enumerate(sizes, 1):
        unpacked += size
        if pages > MOST_PAGES:
            raise TableTooLarge("text_bytes", f"more than {MOST_PAGES:,} pages")
        if size > limits.page_bytes:
            raise TableTooLarge("page_bytes", f"a page of more than {limits.page_bytes:,} bytes once it is unpacked")
        if unpacked > limits.text_bytes:
            raise TableTooLarge("text_bytes", f"more than {limits.text_bytes:,} bytes once it is unpacked")


def _pages(content: bytes, rows: int, chunk: ThriftStruct, limits: TableLimits) -> Iterator[int]:
    """Yield the unpacked size of each page of a column chunk that Arrow would read."""
    told = chunk.struct(3)
    values = told.integer(5, I64)
    if values != rows:
        raise InvalidTable("a column has more or fewer values than its row group has rows")
    start, dictionary = told.integer(9, I64), told.integer(11, I64, 0)
    at = dictionary if 0 < dictionary < start else start
    end = at + told.integer(7, I64)
    if end > len(content):
        raise InvalidTable("a column lies beyond the end of the file")
    whole, seen = memoryview(content), 0
    while seen < values:
        reader = ThriftReader(whole, at, min(end, at + MOST_PAGE_HEADER_BYTES))
        header = reader.struct()
        seen += _values(header, limits)
        yield header.integer(2, I32)
        at = reader.at + header.integer(3, I32)
        if at > end:
            raise InvalidTable("a page lies beyond the end of its column")
    if seen != values:
        raise InvalidTable("the pages of a column hold more values than it has")


def _values(header: ThriftStruct, limits: TableLimits) -> int:
    """Return the number of values of a data page, 0 for another. Raises TableTooLarge, InvalidTable."""
    kind = header.integer(1, I32)
    if kind == DICTIONARY_PAGE and header.struct(7).integer(1, I32) > limits.rows:
        raise TableTooLarge("rows", f"a dictionary of more than {limits.rows:,} values")
    if kind not in (DATA_PAGE, DATA_PAGE_V2):
        return 0
    page = header.struct(5) if kind == DATA_PAGE else header.struct(8)
    if page.integer(2 if kind == DATA_PAGE else 4, I32) == DELTA_BYTE_ARRAY:
        raise InvalidTable("it uses the encoding DELTA_BYTE_ARRAY, which this reader does not support")
    return page.integer(1, I32)
