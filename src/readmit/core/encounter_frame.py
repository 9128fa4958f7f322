"""Encounters in a data frame as pandas reads them from a file or from records, parsed to a model's raw values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from readmit.core.encounter import BY_NAME, FEATURES, Field, python_name
from readmit.core.feature_spec import Value
from readmit.core.request import GIVEN_TWICE, RequestError, cell_text, parse_value

NOT_MEASURED = "None"
"""The choice of a laboratory field that pandas, by its defaults, reads from a file as a missing value."""


@dataclass(frozen=True, slots=True)
class ParsedFrame:
    """The encounters of a frame. `columns`: a value per row for each of FEATURES; None in place of an invalid value.

    `errors`: the errors of invalid rows, by position.
    """

    columns: Mapping[str, Sequence[Value]]
    errors: Mapping[int, Sequence[RequestError]]


def parse_frame(frame: pd.DataFrame) -> ParsedFrame:
    """Parse a frame, by the rules of a request. Its columns: spelled as in UCI's file or with `_`; others are ignored.

    NaN is a value that is not recorded, except in a laboratory field, where it is what pandas makes of `None`.
    """
    errors: dict[int, list[RequestError]] = {}
    columns: dict[str, list[Value]] = {}
    for name in FEATURES:
        texts, error = _texts(frame, BY_NAME[name])
        parsed = {text: _parse(BY_NAME[name], text) for text in set(texts)}
        columns[name] = [parsed[text][0] for text in texts]
        for row, text in enumerate(texts):
            if (row_error := error or parsed[text][1]) is not None:
                errors.setdefault(row, []).append(row_error)
    return ParsedFrame(columns, errors)


def _texts(frame: pd.DataFrame, field: Field) -> tuple[list[str | None], RequestError | None]:
    """Return the text of each value of a field, and the error of every row if there are several columns of it."""
    matches = [position for position, column in enumerate(frame) if python_name(str(column)) == field.name]
    if not matches:
        return [None] * len(frame), None
    texts = [_text(field, value) for value in frame.iloc[:, matches[0]].tolist()]
    return texts, RequestError(field.name, GIVEN_TWICE) if len(matches) > 1 else None


def _text(field: Field, value: object) -> str | None:
    if value is pd.NA or (isinstance(value, float) and value != value):
        return NOT_MEASURED if NOT_MEASURED in field.choices else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return cell_text(field, value)


def _parse(field: Field, text: str | None) -> tuple[Value, RequestError | None]:
    try:
        return parse_value(field, text, cell_text), None
    except ValueError as error:
        return None, RequestError(field.name, str(error))
