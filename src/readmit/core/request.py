"""One posted record as an encounter: every value judged, every fault named.

A whole number stands as a number in JSON and as text in CSV: `json_text` and `cell_text` read a value of either.
"""

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
    value_fault,
)
from readmit.core.errors import ReadmitError
from readmit.core.feature_spec import Value

DROPPED = (PATIENT, OUTCOME)
"""Accepted so that a row of the source can be posted as it is, and never looked at."""
ACCEPTED_FIELDS = (ENCOUNTER, *FEATURES)
LONGEST = 80
"""Characters; no value of a field is longer, and no more of a name or value is ever echoed."""
MOST_STRANGERS = 20
"""Unknown names that are listed one by one: a record of a million of them gets no answer of that size."""

Reader = Callable[[Field, object], str | None]
"""Gives the text of a raw value; None: not recorded. ValueError: it is of a type that can't stand in the field."""


@dataclass(frozen=True, slots=True)
class RequestError:
    """What is wrong with one field. `field`: its name, or as much of an unknown name as can be shown."""

    field: str
    message: str


class RecordRejected(ReadmitError):
    """The record is no encounter; `faults` says why, field by field."""

    final = True

    def __init__(self, faults: tuple[RequestError, ...]) -> None:
        super().__init__("; ".join(f"{fault.field}: {fault.message}" for fault in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Encounter:
    """`values`: one for each of FEATURES."""

    encounter_id: int | None
    values: Mapping[str, Value]


def parse(record: Mapping[str, object], read: Reader | None = None) -> Encounter:
    """The encounter of a decoded JSON object, or of what else there is a reader for. RecordRefused: with all faults."""
    given, faults = _by_field(record)
    doubtful = {fault.field for fault in faults}
    values: dict[str, Value] = {}
    for name in ACCEPTED_FIELDS:
        try:
            values[name] = value_of(BY_NAME[name], given.get(name), read or json_text)
        except ValueError as error:
            if name not in doubtful:
                faults.append(RequestError(name, str(error)))
    if faults:
        raise RecordRejected(tuple(faults))
    number = values.pop(ENCOUNTER)
    return Encounter(number if isinstance(number, int) else None, values)


def _by_field(record: Mapping[str, object]) -> tuple[dict[str, object], list[RequestError]]:
    given: dict[str, object] = {}
    faults: list[RequestError] = []
    strangers: list[str] = []
    for spelled, value in record.items():
        name = python_name(spelled)
        if name not in BY_NAME:
            strangers.append(spelled)
        elif name in given:
            faults.append(RequestError(name, "stands twice, in two spellings"))
        given[name] = value
    return given, [*faults, *stranger_faults(strangers)]


def stranger_faults(names: list[str]) -> Iterator[RequestError]:
    """What is wrong with names that no field has."""
    for name in names[:MOST_STRANGERS]:
        yield RequestError(shown(name), "is no field of an encounter")
    if len(names) > MOST_STRANGERS:
        yield RequestError("", f"{len(names) - MOST_STRANGERS} more names are no fields of an encounter")


def shown(text: str) -> str:
    """The text as it can stand in an answer: short, and nothing in it that does not print."""
    short = text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
    return short if short.isprintable() else ascii(short)


def value_of(field: Field, raw: object, read: Reader) -> Value:
    """What a raw value says; what its absence means if it says nothing. ValueError: why it can't stand in the field."""
    text = read(field, raw)
    if text is None or text == NOT_RECORDED:
        if field.required:
            raise ValueError("is required")
        return field.if_absent
    if len(text) > LONGEST:
        raise ValueError(f"{shown(text)!r} is too long")
    if not text.isascii():
        raise ValueError(f"{text!a} holds more than ASCII")
    fault = value_fault(field, text)
    if fault is not None:
        raise ValueError(fault)
    return int(text) if field.whole_number else text


def json_text(field: Field, raw: object) -> str | None:
    """Reads what a JSON decoder makes of a value."""
    if raw is None or raw == NOT_RECORDED:
        return None
    if field.whole_number:
        # bool is an int in Python, and in no hospital
        if type(raw) is not int:
            raise ValueError(f"must be a whole number, not {_kind(raw)}")
        return str(raw)
    if not isinstance(raw, str):
        raise ValueError(f"must be text, not {_kind(raw)}")
    return raw


def cell_text(_: Field, raw: object) -> str | None:
    """Reads a cell of CSV."""
    return None if raw is None or raw == "" else str(raw)


def _kind(raw: object) -> str:
    """What JSON calls it."""
    names = {bool: "true or false", int: "a number", float: "a number with a fraction", str: "text", list: "an array"}
    return names.get(type(raw), "an object")
