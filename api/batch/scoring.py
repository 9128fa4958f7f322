"""What a model says of a batch: each distinct value looked up once, and all rows scored in one call."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from api.batch.columns import BatchColumn, BatchColumns, Codes, Faults
from api.batch.row_errors import RowFaults, rows_except
from readmit.core.applicability import is_applicable
from readmit.core.encounter import BY_NAME, DISPOSITION, ENCOUNTER
from readmit.core.feature_spec import BASE_COLUMNS, MODEL_COLUMNS
from readmit.core.request import ACCEPTED_FIELDS, Reader, RequestError, value_of
from readmit.core.scorer import EncodedValue, Scorer
from readmit.core.table_limits import TableTooLarge

Coded = Sequence[tuple[Sequence[EncodedValue], Codes]]
Floats = npt.NDArray[np.float64]
MOST_DIGITS = 12
MOST_BAD_VALUES = 50_000
"""Different ones, in all columns of a batch together."""
NOTHING = EncodedValue(0.0, "", None)
"""Stands where a value is at fault; its row gets no probability."""


@dataclass(frozen=True, slots=True)
class BatchScores:
    """`probabilities`: shape (rows,), NaN where `faults` says, by index, why there is none.

    NaN, too, at the indices `not_applicable`: valid encounters that ended in death or hospice.
    `warnings`: by field the warning for each distinct value, and which of them stands in each row.
    """

    probabilities: Floats
    faults: dict[int, Faults]
    warnings: Sequence[tuple[Sequence[str | None], Codes]]
    not_applicable: frozenset[int] = frozenset()


def judged(columns: BatchColumns, scorer: Scorer) -> BatchScores:
    """The answers to a batch."""
    found = RowFaults(columns.rows, list(columns.faulty))
    for fault in columns.everywhere:
        found.add([fault], np.zeros(columns.rows, dtype=np.int64))
    cells: dict[str, list[EncodedValue]] = {}
    bad = 0
    for name in ACCEPTED_FIELDS:
        column = columns.of(name)
        cells[name], wrong = _cells(name, column, columns.read, scorer, MOST_BAD_VALUES - bad)
        bad += len(wrong)
        if wrong:
            found.add([wrong.get(place) for place in range(len(column.raws))], column.codes)
    faults = {**columns.faulty, **found.by_row()}
    coded = [(cells[name], columns.of(name).codes) for name in BASE_COLUMNS]
    not_applicable = frozenset(_ended(columns)) - faults.keys()
    probabilities = _probabilities(coded, columns.rows, faults.keys() | not_applicable, scorer)
    warnings = [([cell.warning for cell in each], codes) for each, codes in coded if any(cell.warning for cell in each)]
    return BatchScores(probabilities, faults, warnings, not_applicable)


def _ended(columns: BatchColumns) -> list[int]:
    """Return the rows whose discharge disposition is death or hospice, at fault or not."""
    column = columns.of(DISPOSITION)
    texts = [_text(columns, raw) for raw in column.raws]
    ends = np.array([not is_applicable({DISPOSITION: text}) for text in texts], dtype=bool)
    return np.flatnonzero(ends[column.codes]).tolist() if columns.rows else []


def _text(columns: BatchColumns, raw: object) -> str | None:
    try:
        return columns.read(BY_NAME[DISPOSITION], raw)
    except ValueError:
        # A value that can't stand in the field: the row has its fault already.
        return None


def _probabilities(coded: Coded, rows: int, without: Collection[int], scorer: Scorer) -> Floats:
    """What the model says of each row; NaN for rows `without` a prediction, about which it is not asked."""
    probabilities = np.full(rows, np.nan)
    good = rows_except(without, rows)
    if len(good):
        asked = [(cells, codes[good]) for cells, codes in coded] if without else coded
        scores = _scores(asked, len(good), scorer)
        probabilities[good] = 1 / (1 + np.exp(-scores)) if scorer.compiled.scale == "log-odds" else scores
    return probabilities


def _cells(
    name: str, column: BatchColumn, read: Reader, scorer: Scorer, most: int
) -> tuple[list[EncodedValue], dict[int, RequestError]]:
    """The cell of each distinct value, and by its place why one can't stand there.

    TableTooLarge: more than `most` can't; each costs as much as many that can.
    """
    found: list[EncodedValue] = []
    wrong: dict[int, RequestError] = {}
    for place, raw in enumerate(column.raws):
        if name == ENCOUNTER and is_plain_number(raw):
            # Nearly every row has its own, so a second look at each would cost a third of the time.
            found.append(NOTHING)
            continue
        try:
            value = value_of(BY_NAME[name], raw, read)
            found.append(NOTHING if name == ENCOUNTER else scorer.cell(name, value))
        except ValueError as error:
            found.append(NOTHING)
            wrong[place] = RequestError(name, str(error))
            if len(wrong) > most:
                text = f"more than {MOST_BAD_VALUES:,} different values that no field can have, as in {name}: {error}"
                raise TableTooLarge("rows", text) from error
    return found, wrong


def is_plain_number(raw: object) -> bool:
    """Whether the text can stand as the number of an encounter; not whether it can't."""
    return isinstance(raw, str) and raw.isascii() and raw.isdecimal() and raw[0] != "0" and len(raw) <= MOST_DIGITS


def _scores(coded: Coded, rows: int, scorer: Scorer) -> Floats:
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
    matrix = np.empty((rows, len(MODEL_COLUMNS)))
    for place, values in enumerate(given):
        matrix[:, place] = values
    return scorer.compiled.base + np.frombuffer(scorer.trees.scores(matrix.data), dtype=np.float64)
