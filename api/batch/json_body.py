"""A JSON array to columns: each record plain, or taken apart by the parser that knows every fault by name."""

import re
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
from msgspec import UNSET

from api.batch.columns import BatchColumn, BatchColumns, Codes, Faults, checked_number
from api.batch.row_errors import Budget
from api.errors import ApiError
from api.fast_decoder import NAMES, plain_values
from api.request_parsing import LONGEST_RECORD, items, record_of, utf8
from readmit.core.request import DROPPED, RecordRejected, RequestError, json_text, parse

RECORDS = msgspec.json.Decoder(list[msgspec.Raw])
SEGMENT = 1_000_000
BOUNDARY = re.compile(rb"\}[ \t\n\r]*,[ \t\n\r]*(?=\{)")
ROWS_AT_ONCE = 8_192

Values = Sequence[object]


def columns(body: bytes, most: int) -> BatchColumns:
    """The records of an array. Refused: 400, it is none, or a record is no JSON. TableTooLarge: more than `most`."""
    faulty: dict[int, Faults] = {}
    # What is dropped unread may be anything, and some things can't be told apart.
    coders = {name: _Coder() for name in NAMES if name not in DROPPED}
    rows: list[Values] = []
    budget, index = Budget(), -1
    for index, read in enumerate(_records(body, most)):
        checked_number(index + 1, most)
        if isinstance(read, RecordRejected):
            faulty[index] = budget.cut(read.faults)
            rows.append((None,) * len(NAMES))
        else:
            rows.append(read)
        if len(rows) == ROWS_AT_ONCE:
            _encode(rows, coders)
            rows = []
    _encode(rows, coders)
    fields = {name: coder.column() for name, coder in coders.items()} if index >= 0 else {}
    return BatchColumns(index + 1, fields, json_text, faulty)


def _records(body: bytes, most: int) -> Iterator[Values | RecordRejected]:
    try:
        raws = [raw for segment in _segments(body, most) for raw in segment]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # It says what is wrong, and where.
        return (_parsed(record) for record in items(utf8(body)))
    return (_record(bytes(raw), index) for index, raw in enumerate(raws))


def _segments(body: bytes, most: int) -> Iterator[list[msgspec.Raw]]:
    """Yield the records some at a time, so that an array of millions is refused before it is built.

    Raises DecodeError also where no end of a record is found: the boundary may lie within a text.
    """
    start, count = 0, 0
    while len(body) - start > SEGMENT + LONGEST_RECORD:
        found = BOUNDARY.search(body, start + SEGMENT, start + SEGMENT + LONGEST_RECORD)
        if found is None:
            raise msgspec.DecodeError("no end of a record within its greatest length")
        segment = body[start : found.start() + 1] + b"]"
        records = RECORDS.decode(segment if start == 0 else b"[" + segment)
        count = checked_number(count + len(records), most)
        yield records
        start = found.end()
    rest = body[start:]
    records = RECORDS.decode(rest if start == 0 else b"[" + rest)
    checked_number(count + len(records), most)
    yield records


def _record(raw: bytes, index: int) -> Values | RecordRejected:
    if len(raw) > LONGEST_RECORD:
        raise ApiError(400, f"record {index} is longer than {LONGEST_RECORD:,} bytes")
    values = plain_values(raw)
    return _parsed(record_of(utf8(raw), f"record {index}")) if values is None else values


def _parsed(record: object) -> Values | RecordRejected:
    if not isinstance(record, dict):
        return RecordRejected((RequestError("", "the record is no JSON object"),))
    try:
        encounter = parse(record)
    except RecordRejected as refusal:
        return refusal
    # What is dropped unread, and the number of the encounter, which was looked at.
    return tuple(encounter.values.get(name) for name in NAMES)


def _encode(rows: Sequence[Values], coders: dict[str, "_Coder"]) -> None:
    for name, values in zip(NAMES, zip(*rows, strict=True), strict=False):
        if name in coders:
            coders[name].add(values)


class _Coder:
    """The distinct values of a field, and which of them stands in each row."""

    def __init__(self) -> None:
        self._places: dict[object, int] = {}
        self._codes: list[Codes] = []

    def add(self, values: Values) -> None:
        places = self._places
        codes = (places.setdefault(value, len(places)) for value in values)
        self._codes.append(np.fromiter(codes, np.int64, len(values)))

    def column(self) -> BatchColumn:
        return BatchColumn([None if raw is UNSET else raw for raw in self._places], np.concatenate(self._codes))
