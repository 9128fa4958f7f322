"""Validation of a posted record: parses it to an encounter, or reports the errors of all fields.

A whole number is a number in JSON and text in CSV: `json_text` and `cell_text` read a value of either.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from readmit.core.encounter import (
    BY_NAME,
    ENCOUNTER,
    FEATURES,
    NOT_RECORDED,
    OUTCOME,
    PATIENT,
    Field,
    python_name,
)
from readmit.core.errors import ReadmitError
from readmit.core.feature_spec import Value
from readmit.core.field_values import canonical_text, value_error

IGNORED_FIELDS = (PATIENT, OUTCOME)
"""Accepted, so that a row of the source can be posted unchanged, but never read."""
ACCEPTED_FIELDS = (ENCOUNTER, *FEATURES)
MAX_VALUE_LENGTH = 80
"""Characters. No value of a field is longer, and longer names and values are truncated in error messages."""
MAX_UNKNOWN_FIELDS = 20
"""Unknown fields listed in an error; the others are counted, so that the response stays small."""
GIVEN_TWICE = "is given twice, spelled with - and with _"

Reader = Callable[[Field, object], str | None]
"""Returns the text of a raw value, None for not recorded. Raises ValueError when the field can't have its type."""


@dataclass(frozen=True, slots=True)
class RequestError:
    """The error of one field. `field`: its name, or a printable excerpt of an unknown name."""

    field: str
    message: str


class RecordRejected(ReadmitError):
    """The record is not a valid encounter. `errors`: why, by field."""

    final = True

    def __init__(self, errors: tuple[RequestError, ...]) -> None:
        super().__init__("; ".join(f"{error.field}: {error.message}" for error in errors))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Encounter:
    """A validated encounter. `values`: one for each of FEATURES."""

    encounter_id: int | None
    values: Mapping[str, Value]


def parse(record: Mapping[str, object], read: Reader | None = None) -> Encounter:
    """Validate a record, by default a decoded JSON object. Raises RecordRejected with the errors of all fields."""
    raw_values, errors = _by_field(record)
    rejected = {error.field for error in errors}
    values: dict[str, Value] = {}
    for name in ACCEPTED_FIELDS:
        try:
            values[name] = parse_value(BY_NAME[name], raw_values.get(name), read or json_text)
        except ValueError as error:
            if name not in rejected:
                errors.append(RequestError(name, str(error)))
    if errors:
        raise RecordRejected(tuple(errors))
    number = values.pop(ENCOUNTER)
    return Encounter(number if isinstance(number, int) else None, values)


def _by_field(record: Mapping[str, object]) -> tuple[dict[str, object], list[RequestError]]:
    raw_values: dict[str, object] = {}
    errors: list[RequestError] = []
    unknown: list[str] = []
    for key, value in record.items():
        name = python_name(key)
        if name not in BY_NAME:
            unknown.append(key)
        elif name in raw_values:
            errors.append(RequestError(name, GIVEN_TWICE))
        raw_values[name] = value
    return raw_values, [*errors, *unknown_field_errors(unknown)]


def unknown_field_errors(names: list[str]) -> Iterator[RequestError]:
    """Yield the errors for names that are not fields."""
    for name in names[:MAX_UNKNOWN_FIELDS]:
        yield RequestError(printable_excerpt(name), "unknown field")
    if len(names) > MAX_UNKNOWN_FIELDS:
        yield RequestError("", f"{len(names) - MAX_UNKNOWN_FIELDS} more unknown fields")


def printable_excerpt(text: str) -> str:
    """Return the text truncated, and escaped if it is not printable, for an error message."""
    excerpt = text if len(text) <= MAX_VALUE_LENGTH else f"{text[:MAX_VALUE_LENGTH]}..."
    return excerpt if excerpt.isprintable() else ascii(excerpt)


def parse_value(field: Field, raw: object, read: Reader) -> Value:
    """Parse a raw value; the field's `if_absent` when not recorded. Raises ValueError when it is invalid."""
    text = read(field, raw)
    if text is not None and len(text) <= MAX_VALUE_LENGTH:
        text = canonical_text(field, text)
    if text is None:
        if field.required:
            raise ValueError("is required")
        return field.if_absent
    if len(text) > MAX_VALUE_LENGTH:
        raise ValueError(f"{printable_excerpt(text)!r} is too long")
    if not text.isascii():
        raise ValueError(f"{text!a} contains non-ASCII characters")
    error = value_error(field, text)
    if error is not None:
        raise ValueError(error)
    return int(text) if field.whole_number else text


def json_text(field: Field, raw: object) -> str | None:
    """Return the text of a decoded JSON value. Raises ValueError when the field can't have its type."""
    if raw is None or raw == NOT_RECORDED:
        return None
    if field.whole_number:
        # 2.0 is an integer in JSON Schema. Not isinstance: bool is a subclass of int.
        number = int(raw) if isinstance(raw, float) and raw.is_integer() else raw
        if type(number) is not int:
            raise ValueError(f"must be a whole number, not {_json_type(raw)}")
        return str(number)
    if not isinstance(raw, str):
        raise ValueError(f"must be text, not {_json_type(raw)}")
    return raw


def cell_text(_: Field, raw: object) -> str | None:
    """Return the text of a CSV cell, None when it is empty."""
    return None if raw is None or raw == "" else str(raw)


def _json_type(raw: object) -> str:
    """Return the JSON type of a decoded value, for an error message."""
    if isinstance(raw, float) and math.isinf(raw):
        return "a number that is too large"
    names = {bool: "true or false", int: "a number", float: "a number with a fraction", str: "text", list: "an array"}
    return names.get(type(raw), "an object")
