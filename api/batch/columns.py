"""A batch by its columns: for each field the distinct values that came, and which of them stands in each row.

A hundred thousand rows hold a few hundred distinct values of a field, so all that is asked of a value is asked once.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from api.errors import ApiError
from readmit.core.encounter import BY_NAME, python_name
from readmit.core.request import ACCEPTED_FIELDS, Reader, RequestError, shown, stranger_faults
from readmit.core.table_limits import TableTooLarge

Codes = npt.NDArray[np.int64]
Faults = tuple[RequestError, ...]


@dataclass(frozen=True, slots=True)
class BatchColumn:
    """`codes`: for each row the place of its value among `raws`, shape (rows,)."""

    raws: Sequence[object]
    codes: Codes


@dataclass(frozen=True, slots=True)
class BatchColumns:
    """`rows`: how many came. `fields`: those that came, by their name with `_`; `read`: how to read their raw values.

    `faulty`: rows that could not be taken apart, by their index, with what is wrong; their values are to be ignored.
    `everywhere`: what is wrong with every row.
    """

    rows: int
    fields: Mapping[str, BatchColumn]
    read: Reader
    faulty: Mapping[int, Faults] = field(default_factory=dict)
    everywhere: Faults = ()

    def of(self, name: str) -> BatchColumn:
        """The column of a field; where it did not come, nothing in each row."""
        return self.fields.get(name) or BatchColumn([None], np.zeros(self.rows, dtype=np.int64))


def checked_names(header: Sequence[str]) -> tuple[dict[str, int], Faults]:
    """The places of the columns that are read, by field, and what is wrong with names that no field has.

    Refused: 400, a name stands twice.
    """
    names = [python_name(name) for name in header]
    doubled, times = Counter(names).most_common(1)[0] if names else ("", 0)
    if times > 1:
        raise ApiError(400, f"the header names a column twice: {shown(doubled)}")
    strangers = [given for given, name in zip(header, names, strict=True) if name not in BY_NAME]
    places = {name: place for place, name in enumerate(names) if name in ACCEPTED_FIELDS}
    return places, tuple(stranger_faults(strangers))


def checked_number(rows: int, most: int) -> int:
    """The number of rows. TableTooLarge: it is above the limit."""
    if rows > most:
        raise TableTooLarge("rows", f"more than {most:,} records")
    return rows
