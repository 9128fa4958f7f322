"""Limits on an uploaded table, checked by the readers before anything is built from it."""

from dataclasses import dataclass

from readmit.core.errors import ReadmitError

MEGABYTE = 1_000_000
MAX_COLUMNS = 500
MAX_ROW_BYTES = 65_536
"""Of a CSV row or a JSON record. The longest row of an encounter has about 4,000."""
MAX_TEXT_BYTES = 128 * MEGABYTE
MAX_PAGE_BYTES = 64 * MEGABYTE


@dataclass(frozen=True, slots=True)
class TableLimits:
    """Limits of a table. `text_bytes`: of all cells, after decompression and with dictionaries resolved."""

    rows: int
    columns: int = MAX_COLUMNS
    row_bytes: int = MAX_ROW_BYTES
    text_bytes: int = MAX_TEXT_BYTES
    page_bytes: int = MAX_PAGE_BYTES


class InvalidTable(ReadmitError):
    """The content is not in the expected format. The text contains none of its cells."""

    final = True


class DuplicateColumns(InvalidTable):
    """Several columns have the same name once `-`, `.` and `_`, case and blanks are ignored. `names`: these names."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(f"duplicate column in the header: {', '.join(names)}")
        self.names = names


class MissingColumns(InvalidTable):
    """The table lacks columns that a prediction requires. `names`: the fields."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(f"missing columns: {', '.join(names)}")
        self.names = names


class TableTooLarge(ReadmitError):
    """The content exceeds a limit. `limit`: the field of TableLimits that it exceeds."""

    final = True

    def __init__(self, limit: str, message: str) -> None:
        super().__init__(message)
        self.limit = limit
