"""What a model says of a batch: each distinct value looked up once, and all rows scored in one call."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from api.batch.columns import Codes, Column, Columns, Faults
from readmit.core.encounter import BY_NAME, ENCOUNTER
from readmit.core.inputs import GIVEN, SINGLE
from readmit.core.request import TAKEN, RequestFault, value_of
from readmit.core.scorer import Cell, Scorer

Floats = npt.NDArray[np.float64]
MOST_DIGITS = 12
NOTHING = Cell(0.0, "", None)
"""Stands where a value is at fault; its row gets no probability."""


@dataclass(frozen=True, slots=True)
class Judged:
    """`probabilities`: shape (rows,), NaN where `faults` says, by index, why there is none.

    `doubts`: by field the warning for each distinct value, and which of them stands in each row.
    """

    probabilities: Floats
    faults: dict[int, Faults]
    doubts: Sequence[tuple[Sequence[str | None], Codes]]


def judged(columns: Columns, scorer: Scorer) -> Judged:
    """The answers to a batch."""
    faults = {index: list(found) for index, found in columns.faulty.items()}
    if columns.everywhere:
        faults |= {index: [*columns.everywhere] for index in range(columns.rows) if index not in columns.faulty}
    cells = {name: _cells(name, columns.of(name), columns, scorer, faults) for name in TAKEN}
    coded = [(cells[name], columns.of(name).codes) for name in SINGLE]
    scores = _scores(coded, columns.rows, scorer) if columns.rows else np.zeros(0)
    probabilities = 1 / (1 + np.exp(-scores)) if scorer.compiled.scale == "log-odds" else scores
    probabilities[list(faults)] = np.nan
    doubts = [([cell.doubt for cell in found], codes) for found, codes in coded if any(cell.doubt for cell in found)]
    return Judged(probabilities, {index: tuple(found) for index, found in faults.items()}, doubts)


def _cells(
    name: str, column: Column, columns: Columns, scorer: Scorer, faults: dict[int, list[RequestFault]]
) -> list[Cell]:
    """The cell of each distinct value. Each row whose value can't stand there gets the fault."""
    found = []
    for place, raw in enumerate(column.raws):
        if name == ENCOUNTER and is_plain_number(raw):
            # Nearly every row has its own, so a second look at each would cost a third of the time.
            found.append(NOTHING)
            continue
        try:
            value = value_of(BY_NAME[name], raw, columns.read)
            found.append(NOTHING if name == ENCOUNTER else scorer.cell(name, value))
        except ValueError as error:
            found.append(NOTHING)
            for index in np.flatnonzero(column.codes == place).tolist():
                if index not in columns.faulty:
                    faults.setdefault(index, []).append(RequestFault(name, str(error)))
    return found


def is_plain_number(raw: object) -> bool:
    """Whether the text can stand as the number of an encounter; not whether it can't."""
    return isinstance(raw, str) and raw.isascii() and raw.isdecimal() and raw[0] != "0" and len(raw) <= MOST_DIGITS


def _scores(coded: Sequence[tuple[Sequence[Cell], Codes]], rows: int, scorer: Scorer) -> Floats:
    given = [np.array([cell.number for cell in cells])[codes] for cells, codes in coded]
    for field, partner, number in scorer.crosses:
        (fields, field_codes), (partners, partner_codes) = coded[field], coded[partner]
        pairs = field_codes * len(partners) + partner_codes
        met = np.flatnonzero(np.bincount(pairs, minlength=len(fields) * len(partners)))
        numbers = np.zeros(len(fields) * len(partners))
        for pair in met.tolist():
            one, other = divmod(pair, len(partners))
            numbers[pair] = number[fields[one].category, partners[other].category]
        given.append(numbers[pairs])
    if scorer.trees is None:
        return np.asarray(scorer.compiled.base + np.sum(given, axis=0))
    matrix = np.empty((rows, len(GIVEN)))
    for place, values in enumerate(given):
        matrix[:, place] = values
    return scorer.compiled.base + np.frombuffer(scorer.trees.scores(matrix.data), dtype=np.float64)
