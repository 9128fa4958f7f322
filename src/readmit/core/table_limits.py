"""Limits on an uploaded table, which the readers check before they build anything from it."""

from dataclasses import dataclass

from readmit.core.errors import ReadmitError

MEGABYTE = 1_000_000
MOST_COLUMNS = 500
MOST_ROW_BYTES = 65_536
"""Of a row of CSV or a record of JSON. The longest row of an encounter has about 4,000."""
MOST_TEXT_BYTES = 128 * MEGABYTE
MOST_PAGE_BYTES = 64 * MEGABYTE


@dataclass(frozen=True, slots=True)
class TableLimits:
    """`text_bytes`: of all cells together, once a Parquet file is decompressed and its dictionaries are resolved."""

    rows: int
    columns: int = MOST_COLUMNS
    row_bytes: int = MOST_ROW_BYTES
    text_bytes: int = MOST_TEXT_BYTES
    page_bytes: int = MOST_PAGE_BYTES


class InvalidTable(ReadmitError):
    """The content is not in the format that it should be in; the text holds no cell of it."""

    final = True


class TableTooLarge(ReadmitError):
    """The content exceeds a limit. `limit`: the field of TableLimits that it exceeds."""

    final = True

    def __init__(self, limit: str, message: str) -> None:
        super().__init__(message)
        self.limit = limit
