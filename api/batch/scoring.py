"""Scoring of a batch: each distinct value is encoded once, and all rows are scored in one call."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from api.batch.columns import BatchColumn, BatchColumns, Codes, FieldErrors
from api.batch.row_errors import RowErrors, rows_except
from readmit.core.applicability import is_applicable
from readmit.core.encounter import BY_NAME, DISPOSITION, ENCOUNTER
from readmit.core.feature_spec import BASE_COLUMNS, MODEL_COLUMNS
from readmit.core.request import ACCEPTED_FIELDS, Reader, RequestError, parse_value
from readmit.core.scorer import EncodedValue, Scorer
from readmit.core.tabular.table_limits import TableTooLarge

Coded = Sequence[tuple[Sequence[EncodedValue], Codes]]
Floats = npt.NDArray[np.float64]
MAX_DIGITS = 12
MAX_INVALID_VALUES = 50_000
"""Distinct invalid values in all columns of a batch together."""
PLACEHOLDER = EncodedValue(0.0, "", None)
"""In place of an invalid value, whose rows get no probability."""


@dataclass(frozen=True, slots=True)
class BatchScores:
    """The predictions of a batch. `probabilities`: shape (rows,), NaN for rows in `errors` or `not_applicable`.

    `errors`: by row index; `not_applicable`: indices of valid encounters that ended in death or hospice.
    `warnings`: for each field the warning of each distinct value, and the code of each row's value, shape (rows,).
    """

    probabilities: Floats
    errors: dict[int, FieldErrors]
    warnings: Sequence[tuple[Sequence[str | None], Codes]]
    not_applicable: frozenset[int] = frozenset()


def score_batch(columns: BatchColumns, scorer: Scorer) -> BatchScores:
    """Validate and score a batch."""
    row_errors = RowErrors(columns.rows, list(columns.row_errors))
    encoded: dict[str, list[EncodedValue]] = {}
    invalid_values = 0
    for name in ACCEPTED_FIELDS:
        column = columns.column(name)
        encoded[name], invalid = _encode_column(name, column, columns.read, scorer, MAX_INVALID_VALUES - invalid_values)
        invalid_values += len(invalid)
        if invalid:
            row_errors.add([invalid.get(code) for code in range(len(column.values))], column.codes)
    errors = {**columns.row_errors, **row_errors.by_row()}
    coded = [(encoded[name], columns.column(name).codes) for name in BASE_COLUMNS]
    not_applicable = frozenset(_not_applicable_rows(columns)) - errors.keys()
    probabilities = _probabilities(coded, columns.rows, errors.keys() | not_applicable, scorer)
    warnings = [([value.warning for value in column], codes) for column, codes in coded if _has_warning(column)]
    return BatchScores(probabilities, errors, warnings, not_applicable)


def _has_warning(values: Sequence[EncodedValue]) -> bool:
    return any(value.warning for value in values)


def _not_applicable_rows(columns: BatchColumns) -> list[int]:
    """Return the indices of rows whose discharge disposition is death or hospice, valid or not."""
    column = columns.column(DISPOSITION)
    dispositions = [_disposition(columns, raw) for raw in column.values]
    is_excluded = np.array([not is_applicable({DISPOSITION: text}) for text in dispositions], dtype=bool)
    return np.flatnonzero(is_excluded[column.codes]).tolist() if columns.rows else []


def _disposition(columns: BatchColumns, raw: object) -> str | None:
    try:
        return columns.read(BY_NAME[DISPOSITION], raw)
    except ValueError:
        # An invalid value: the row has its error already.
        return None


def _probabilities(coded: Coded, rows: int, excluded: Collection[int], scorer: Scorer) -> Floats:
    """Return the probability of each row, shape (rows,); NaN for the rows excluded from prediction."""
    probabilities = np.full(rows, np.nan)
    included = rows_except(excluded, rows)
    if len(included):
        selected = [(values, codes[included]) for values, codes in coded] if excluded else coded
        scores = _scores(selected, len(included), scorer)
        probabilities[included] = 1 / (1 + np.exp(-scores)) if scorer.compiled.scale == "log-odds" else scores
    return probabilities


def _encode_column(
    name: str, column: BatchColumn, read: Reader, scorer: Scorer, max_invalid: int
) -> tuple[list[EncodedValue], dict[int, RequestError]]:
    """Return each distinct value encoded, and the errors of invalid ones by code.

    Raises TableTooLarge above `max_invalid` invalid values, since one costs as much as many valid ones.
    """
    encoded: list[EncodedValue] = []
    invalid: dict[int, RequestError] = {}
    for code, raw in enumerate(column.values):
        if name == ENCOUNTER and is_plain_encounter_id(raw):
            # Nearly every row has its own ID, so parsing each would cost a third of the time.
            encoded.append(PLACEHOLDER)
            continue
        try:
            value = parse_value(BY_NAME[name], raw, read)
            encoded.append(PLACEHOLDER if name == ENCOUNTER else scorer.encode_value(name, value))
        except ValueError as error:
            encoded.append(PLACEHOLDER)
            invalid[code] = RequestError(name, str(error))
            if len(invalid) > max_invalid:
                text = f"more than {MAX_INVALID_VALUES:,} distinct invalid values, such as in {name}: {error}"
                raise TableTooLarge("rows", text) from error
    return encoded, invalid


def is_plain_encounter_id(raw: object) -> bool:
    """Return whether a raw value is certainly a valid encounter ID; others need the parser."""
    return isinstance(raw, str) and raw.isascii() and raw.isdecimal() and raw[0] != "0" and len(raw) <= MAX_DIGITS


def _scores(coded: Coded, rows: int, scorer: Scorer) -> Floats:
    """Return the score of each row on the model's scale, shape (rows,)."""
    columns = [np.array([value.number for value in values])[codes] for values, codes in coded]
    for field, partner, number in scorer.crosses:
        (fields, field_codes), (partners, partner_codes) = coded[field], coded[partner]
        pairs = field_codes * len(partners) + partner_codes
        present = np.flatnonzero(np.bincount(pairs, minlength=len(fields) * len(partners)))
        numbers = np.zeros(len(fields) * len(partners))
        for pair in present.tolist():
            field_code, partner_code = divmod(pair, len(partners))
            numbers[pair] = number[fields[field_code].category, partners[partner_code].category]
        columns.append(numbers[pairs])
    if scorer.trees is None:
        return np.asarray(scorer.compiled.base + np.sum(columns, axis=0))
    matrix = np.empty((rows, len(MODEL_COLUMNS)))
    for index, column in enumerate(columns):
        matrix[:, index] = column
    return scorer.compiled.base + np.frombuffer(scorer.trees.scores(matrix.data), dtype=np.float64)
