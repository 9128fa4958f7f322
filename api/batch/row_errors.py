"""What is wrong with the rows of a batch, bounded: a batch with a fault in every cell has no endless answer."""

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from api.batch.columns import Codes, Faults
from readmit.core.request import RequestError

MOST_FAULTS = 25
"""Of one row, that are listed."""
MOST_FURTHER_FAULTS = 100_000
"""Of the whole batch that are listed beyond the first one of each row."""


class Budget:
    """What may still be listed beyond the first fault of each row."""

    def __init__(self) -> None:
        self.left = MOST_FURTHER_FAULTS

    def cut(self, faults: Faults) -> Faults:
        """Return those of a row that are listed, and how many are not."""
        listed = faults[: min(MOST_FAULTS, 1 + self.left)]
        self.left -= len(listed) - 1
        return (*listed, *_unlisted(len(faults) - len(listed)))


class RowFaults:
    """The faults of rows, a field at a time. `already`: rows that get none, for they have theirs already."""

    def __init__(self, rows: int, already: Sequence[int]) -> None:
        self._budget = Budget()
        self._listed: dict[int, list[RequestError]] = {}
        self._found = np.zeros(rows, dtype=np.int64)
        self._open = np.ones(rows, dtype=bool)
        self._open[list(already)] = False

    def add(self, faults: Sequence[RequestError | None], codes: Codes) -> None:
        """Add the fault of the value that stands in each row; None: nothing is wrong with it."""
        wrong = np.array([fault is not None for fault in faults], dtype=bool)
        rows = np.flatnonzero(wrong[codes] & self._open)
        found = self._found[rows]
        for row in rows[found == 0].tolist():
            self._listed[row] = []
        further = rows[(found > 0) & (found < MOST_FAULTS)][: self._budget.left]
        self._budget.left -= len(further)
        self._found[rows] += 1
        for some in (rows[found == 0], further):
            for row, code in zip(some.tolist(), codes[some].tolist(), strict=True):
                fault = faults[code]
                assert fault is not None
                self._listed[row].append(fault)

    def by_row(self) -> dict[int, Faults]:
        """Return the faults of each row that has any, and how many of them are not listed."""
        shared: dict[int, Faults] = {}
        unlisted = {n: _unlisted(n) for n in range(int(self._found.max(initial=0)) + 1)}
        for row, listed in self._listed.items():
            shared[row] = (*listed, *unlisted[int(self._found[row]) - len(listed)])
        return shared


def _unlisted(number: int) -> Faults:
    return (RequestError("", f"{number:,} more faults of this row are not listed"),) if number else ()


def rows_except(without: Collection[int], rows: int) -> npt.NDArray[np.int64]:
    """Return the indices of all rows but some."""
    good = np.ones(rows, dtype=bool)
    good[list(without)] = False
    return np.flatnonzero(good)
