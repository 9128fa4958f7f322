"""A batch as dictionary-encoded columns: for each field its distinct values, and the code of each row's value.

A hundred thousand rows have a few hundred distinct values of a field, so each value is validated and encoded once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from readmit.core.request import Reader, RequestError
from readmit.core.tabular.table_limits import TableTooLarge

Codes = npt.NDArray[np.int64]
FieldErrors = tuple[RequestError, ...]


@dataclass(frozen=True, slots=True)
class BatchColumn:
    """A column. `values`: the distinct raw values; `codes`: the index of each row's value in them, shape (rows,)."""

    values: Sequence[object]
    codes: Codes


@dataclass(frozen=True, slots=True)
class BatchColumns:
    """A batch. `rows`: their number; `fields`: the columns by field name, with `_`; `read`: the reader of raw values.

    `row_errors`: the errors of rows that could not be parsed, by index; the values of these rows are to be ignored.
    """

    rows: int
    fields: Mapping[str, BatchColumn]
    read: Reader
    row_errors: Mapping[int, FieldErrors] = field(default_factory=dict)

    def column(self, name: str) -> BatchColumn:
        """Return the column of a field; if the batch lacks it, a column of None."""
        return self.fields.get(name) or BatchColumn([None], np.zeros(self.rows, dtype=np.int64))


def check_row_count(rows: int, max_rows: int) -> int:
    """Return the number of rows. Raises TableTooLarge when it is above the limit."""
    if rows > max_rows:
        raise TableTooLarge("rows", f"more than {max_rows:,} records")
    return rows
