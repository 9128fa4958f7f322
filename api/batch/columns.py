"""A batch as dictionary-encoded columns: for each field its distinct values, and the code of each row's value.

A hundred thousand rows have a few hundred distinct values of a field, so each value is validated and encoded once.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from api.errors import ApiError
from readmit.core.encounter import BY_NAME, python_name
from readmit.core.request import ACCEPTED_FIELDS, Reader, RequestError, printable_excerpt, unknown_field_errors
from readmit.core.table_limits import TableTooLarge

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
    `common_errors`: the errors of every row.
    """

    rows: int
    fields: Mapping[str, BatchColumn]
    read: Reader
    row_errors: Mapping[int, FieldErrors] = field(default_factory=dict)
    common_errors: FieldErrors = ()

    def column(self, name: str) -> BatchColumn:
        """Return the column of a field; if the batch lacks it, a column of None."""
        return self.fields.get(name) or BatchColumn([None], np.zeros(self.rows, dtype=np.int64))


def check_header(header: Sequence[str]) -> tuple[dict[str, int], FieldErrors]:
    """Return the column indices by field, and an error for each unknown column.

    Raises ApiError with status 400 when a column is repeated.
    """
    names = [python_name(name) for name in header]
    commonest, count = Counter(names).most_common(1)[0] if names else ("", 0)
    if count > 1:
        raise ApiError(400, f"duplicate column in the header: {printable_excerpt(commonest)}")
    unknown = [spelling for spelling, name in zip(header, names, strict=True) if name not in BY_NAME]
    indices = {name: index for index, name in enumerate(names) if name in ACCEPTED_FIELDS}
    return indices, tuple(unknown_field_errors(unknown))


def check_row_count(rows: int, max_rows: int) -> int:
    """Return the number of rows. Raises TableTooLarge when it is above the limit."""
    if rows > max_rows:
        raise TableTooLarge("rows", f"more than {max_rows:,} records")
    return rows
