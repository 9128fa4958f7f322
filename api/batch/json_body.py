"""A JSON array to columns: each record plain, or taken apart by the parser that knows every fault by name."""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
from msgspec import UNSET

from api.batch.columns import Column, Columns, Faults, checked_number
from api.body import LONGEST_RECORD, items, record_of, utf8
from api.errors import Refused
from api.plain import NAMES, plain_values
from readmit.core.request import DROPPED, RecordRefused, RequestFault, json_text, parse

RECORDS = msgspec.json.Decoder(list[msgspec.Raw])


def columns(body: bytes, most: int) -> Columns:
    """The records of an array. Refused: 400, it is none, or a record is no JSON; 413, it has more than `most`."""
    rows: list[Sequence[object]] = []
    faulty: dict[int, Faults] = {}
    for index, read in enumerate(_records(body)):
        checked_number(index + 1, most)
        if isinstance(read, RecordRefused):
            faulty[index] = read.faults
            rows.append((None,) * len(NAMES))
        else:
            rows.append(read)
    by_name = zip(NAMES, zip(*rows, strict=True), strict=True) if rows else ()
    # What is dropped unread may be anything, and some things can't be told apart.
    fields = {name: _column(values) for name, values in by_name if name not in DROPPED}
    return Columns(len(rows), fields, json_text, faulty)


def _records(body: bytes) -> Iterator[Sequence[object] | RecordRefused]:
    try:
        raws = RECORDS.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # It says what is wrong, and where.
        return (_parsed(record) for record in items(utf8(body)))
    return (_record(bytes(raw), index) for index, raw in enumerate(raws))


def _record(raw: bytes, index: int) -> Sequence[object] | RecordRefused:
    if len(raw) > LONGEST_RECORD:
        raise Refused(400, f"record {index} is longer than {LONGEST_RECORD:,} bytes")
    values = plain_values(raw)
    return _parsed(record_of(utf8(raw), f"record {index}")) if values is None else values


def _parsed(record: object) -> Sequence[object] | RecordRefused:
    if not isinstance(record, dict):
        return RecordRefused((RequestFault("", "the record is no JSON object"),))
    try:
        encounter = parse(record)
    except RecordRefused as refusal:
        return refusal
    # What is dropped unread, and the number of the encounter, which was looked at.
    return tuple(encounter.values.get(name) for name in NAMES)


def _column(values: Sequence[object]) -> Column:
    place: dict[object, int] = {}
    codes = np.fromiter((place.setdefault(value, len(place)) for value in values), np.int64, len(values))
    return Column([None if raw is UNSET else raw for raw in place], codes)
