"""What a model says of a batch: each distinct value looked up once, and all rows scored in one call."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from api.batch.columns import Codes, Column, Columns, Faults
from readmit.core.applicability import is_applicable
from readmit.core.encounter import BY_NAME, DISPOSITION, ENCOUNTER
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

    NaN, too, at the indices `not_applicable`: valid encounters that ended in death or hospice.
    `doubts`: by field the warning for each distinct value, and which of them stands in each row.
    """

    probabilities: Floats
    faults: dict[int, Faults]
    doubts: Sequence[tuple[Sequence[str | None], Codes]]
    not_applicable: frozenset[int] = frozenset()


def judged(columns: Columns, scorer: Scorer) -> Judged:
    """The answers to a batch."""
    faults = {index: list(found) for index, found in columns.faulty.items()}
    if columns.everywhere:
        faults |= {index: [*columns.everywhere] for index in range(columns.rows) if index not in columns.faulty}
    cells = {name: _cells(name, columns.of(name), columns, scorer, faults) for name in TAKEN}
    coded = [(cells[name], columns.of(name).codes) for name in SINGLE]
    scores = _scores(coded, columns.rows, scorer) if columns.rows else np.zeros(0)
    probabilities = 1 / (1 + np.exp(-scores)) if scorer.compiled.scale == "log-odds" else scores
    not_applicable = frozenset(_ended(columns)) - faults.keys()
    probabilities[[*faults, *not_applicable]] = np.nan
    doubts = [([cell.doubt for cell in found], codes) for found, codes in coded if any(cell.doubt for cell in found)]
    named = {index: tuple(found) for index, found in faults.items()}
    return Judged(probabilities, named, doubts, not_applicable)


def _ended(columns: Columns) -> list[int]:
    """Return the rows whose discharge disposition is death or hospice, at fault or not."""
    column = columns.of(DISPOSITION)
    texts = [_text(columns, raw) for raw in column.raws]
    ends = np.array([not is_applicable({DISPOSITION: text}) for text in texts], dtype=bool)
    return np.flatnonzero(ends[column.codes]).tolist() if columns.rows else []


def _text(columns: Columns, raw: object) -> str | None:
    try:
        return columns.read(BY_NAME[DISPOSITION], raw)
    except ValueError:
        # A value that can't stand in the field: the row has its fault already.
        return None


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
