"""The errors of a batch's rows, with limits: a batch with an error in every cell must not get an endless response."""

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from api.batch.columns import Codes, FieldErrors
from readmit.core.request import RequestError

MAX_ROW_ERRORS = 25
"""How many errors of one row are listed."""
MAX_ADDITIONAL_ERRORS = 100_000
"""How many errors of a whole batch are listed beyond the first one of each row."""


class ErrorBudget:
    """The number of errors that may still be listed beyond the first one of each row."""

    def __init__(self) -> None:
        self.left = MAX_ADDITIONAL_ERRORS

    def truncate(self, errors: FieldErrors) -> FieldErrors:
        """Return the errors of a row that are listed, and the number of the others."""
        listed = errors[: min(MAX_ROW_ERRORS, 1 + self.left)]
        self.left -= len(listed) - 1
        return (*listed, *_unlisted(len(errors) - len(listed)))


class RowErrors:
    """The errors of rows, collected field by field. `excluded`: rows to skip, since their errors are known."""

    def __init__(self, rows: int, excluded: Sequence[int]) -> None:
        self._budget = ErrorBudget()
        self._listed: dict[int, list[RequestError]] = {}
        self._counts = np.zeros(rows, dtype=np.int64)
        self._included = np.ones(rows, dtype=bool)
        self._included[list(excluded)] = False

    def add(self, errors: Sequence[RequestError | None], codes: Codes) -> None:
        """Add the errors of a field: that of each distinct value, None for a valid one; `codes` has shape (rows,)."""
        is_invalid = np.array([error is not None for error in errors], dtype=bool)
        rows = np.flatnonzero(is_invalid[codes] & self._included)
        counts = self._counts[rows]
        for row in rows[counts == 0].tolist():
            self._listed[row] = []
        additional = rows[(counts > 0) & (counts < MAX_ROW_ERRORS)][: self._budget.left]
        self._budget.left -= len(additional)
        self._counts[rows] += 1
        for selected in (rows[counts == 0], additional):
            for row, code in zip(selected.tolist(), codes[selected].tolist(), strict=True):
                error = errors[code]
                assert error is not None
                self._listed[row].append(error)

    def by_row(self) -> dict[int, FieldErrors]:
        """Return the listed errors of each row that has any, and the number of the others."""
        result: dict[int, FieldErrors] = {}
        unlisted = {n: _unlisted(n) for n in range(int(self._counts.max(initial=0)) + 1)}
        for row, listed in self._listed.items():
            result[row] = (*listed, *unlisted[int(self._counts[row]) - len(listed)])
        return result


def _unlisted(number: int) -> FieldErrors:
    return (RequestError("", f"{number:,} more errors of this row are not listed"),) if number else ()


def rows_except(excluded: Collection[int], rows: int) -> npt.NDArray[np.int64]:
    """Return the indices of all `rows` except those excluded, shape (rows - excluded,)."""
    is_included = np.ones(rows, dtype=bool)
    is_included[list(excluded)] = False
    return np.flatnonzero(is_included)
