"""One posted record as an encounter: every value judged, every fault named.

Two ways in, for a whole number stands as a number in JSON and as text in CSV: `parse` and `parse_texts`.
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
from readmit.core.refusal import ReadmitError

Value = str | int | None
"""A whole number, a text, or None: not recorded."""

DROPPED = (PATIENT, OUTCOME)
"""Accepted so that a row of the source can be posted as it is, and never looked at."""
TAKEN = (ENCOUNTER, *FEATURES)
LONGEST = 80
"""Characters; no value of a field is longer, and no more of a name or value is ever echoed."""
MOST_STRANGERS = 20
"""Unknown names that are listed one by one: a record of a million of them gets no answer of that size."""

Reader = Callable[[Field, object], str | None]


@dataclass(frozen=True, slots=True)
class RequestFault:
    """What is wrong with one field. `field`: its name, or as much of an unknown name as can be shown."""

    field: str
    message: str


class RecordRefused(ReadmitError):
    """The record is no encounter; `faults` says why, field by field."""

    final = True

    def __init__(self, faults: tuple[RequestFault, ...]) -> None:
        super().__init__("; ".join(f"{fault.field}: {fault.message}" for fault in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Encounter:
    """`values`: one for each of FEATURES."""

    encounter_id: int | None
    values: Mapping[str, Value]


def parse(record: Mapping[str, object]) -> Encounter:
    """The encounter of a decoded JSON object. RecordRefused: with all its faults."""
    return _parsed(record, _from_json)


def parse_texts(record: Mapping[str, str]) -> Encounter:
    """The encounter of a row of CSV: whole numbers are digits, an empty cell is not recorded. RecordRefused."""
    return _parsed(record, _from_csv)


def _parsed(record: Mapping[str, object], read: Reader) -> Encounter:
    given, faults = _by_field(record)
    doubtful = {fault.field for fault in faults}
    values: dict[str, Value] = {}
    for name in TAKEN:
        try:
            values[name] = _value(BY_NAME[name], given.get(name), read)
        except ValueError as error:
            if name not in doubtful:
                faults.append(RequestFault(name, str(error)))
    if faults:
        raise RecordRefused(tuple(faults))
    number = values.pop(ENCOUNTER)
    return Encounter(number if isinstance(number, int) else None, values)


def _by_field(record: Mapping[str, object]) -> tuple[dict[str, object], list[RequestFault]]:
    given: dict[str, object] = {}
    faults: list[RequestFault] = []
    strangers: list[str] = []
    for spelled, value in record.items():
        name = python_name(spelled)
        if name not in BY_NAME:
            strangers.append(spelled)
        elif name in given:
            faults.append(RequestFault(name, "stands twice, in two spellings"))
        given[name] = value
    return given, [*faults, *_stranger_faults(strangers)]


def _stranger_faults(names: list[str]) -> Iterator[RequestFault]:
    for name in names[:MOST_STRANGERS]:
        yield RequestFault(shown(name), "is no field of an encounter")
    if len(names) > MOST_STRANGERS:
        yield RequestFault("", f"{len(names) - MOST_STRANGERS} more names are no fields of an encounter")


def shown(text: str) -> str:
    """The text as it can stand in an answer: short, and nothing in it that does not print."""
    short = text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
    return short if short.isprintable() else ascii(short)


def _value(field: Field, raw: object, read: Reader) -> Value:
    """ValueError: why the value can't stand in the field."""
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


def _from_json(field: Field, raw: object) -> str | None:
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


def _from_csv(_: Field, raw: object) -> str | None:
    return None if raw is None or raw == "" else str(raw)


def _kind(raw: object) -> str:
    """What JSON calls it."""
    names = {bool: "true or false", int: "a number", float: "a number with a fraction", str: "text", list: "an array"}
    return names.get(type(raw), "an object")
