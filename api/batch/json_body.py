"""Reader of JSON batches: records are decoded by the fast decoder, or by the parser that reports every error."""

import re
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
from msgspec import UNSET

from api.batch.columns import BatchColumn, BatchColumns, Codes, FieldErrors, check_row_count
from api.batch.row_errors import ErrorBudget
from api.errors import ApiError
from api.fast_decoder import DECODED_FIELDS, fast_values
from api.request_parsing import MAX_RECORD_CHARS, decode_json, decode_utf8, iter_array
from readmit.core.request import IGNORED_FIELDS, RecordRejected, RequestError, json_text, parse
from readmit.core.strict_json import BYTE_ORDER_MARK

RECORDS = msgspec.json.Decoder(list[msgspec.Raw])
SEGMENT_BYTES = 1_000_000
BOUNDARY = re.compile(rb"\}[ \t\n\r]*,[ \t\n\r]*(?=\{)")
CHUNK_ROWS = 8_192

Values = Sequence[object]


def columns(body: bytes, max_rows: int) -> BatchColumns:
    """Return the columns of a JSON array of encounters.

    Raises ApiError with status 400 when it is not valid JSON, TableTooLarge above `max_rows` records.
    """
    row_errors: dict[int, FieldErrors] = {}
    # The ignored fields may have any value, including unhashable ones.
    coders = {name: _Coder() for name in DECODED_FIELDS if name not in IGNORED_FIELDS}
    rows: list[Values] = []
    budget, index = ErrorBudget(), -1
    for index, record in enumerate(_records(body, max_rows)):
        check_row_count(index + 1, max_rows)
        if isinstance(record, RecordRejected):
            row_errors[index] = budget.truncate(record.errors)
            rows.append((None,) * len(DECODED_FIELDS))
        else:
            rows.append(record)
        if len(rows) == CHUNK_ROWS:
            _encode(rows, coders)
            rows = []
    _encode(rows, coders)
    fields = {name: coder.column() for name, coder in coders.items()} if index >= 0 else {}
    return BatchColumns(index + 1, fields, json_text, row_errors)


def _records(body: bytes, max_rows: int) -> Iterator[Values | RecordRejected]:
    try:
        raws = [raw for segment in _segments(body, max_rows) for raw in segment]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # The parser reports what is wrong, and where.
        return (_parse_record(record) for record in iter_array(decode_utf8(body)))
    return _decode_each(raws, body)


def _decode_each(raws: Sequence[msgspec.Raw], body: bytes) -> Iterator[Values | RecordRejected]:
    for index, raw in enumerate(raws):
        if len(raw) > MAX_RECORD_CHARS:
            raise ApiError(400, f"record {index} is longer than {MAX_RECORD_CHARS:,} bytes")
        try:
            record = _record(bytes(raw), index)
        except ApiError:
            # The position of a fault that msgspec has not noticed is known only in the whole body.
            for _ in iter_array(decode_utf8(body)):
                pass
            raise
        yield record


def _segments(body: bytes, max_rows: int) -> Iterator[list[msgspec.Raw]]:
    """Yield the records in segments, so that an array of millions is rejected before it is built.

    Raises DecodeError when the JSON is invalid or no record boundary is found, as when one lies within a string.
    """
    first = start = len(BYTE_ORDER_MARK) if body.startswith(BYTE_ORDER_MARK) else 0
    count = 0
    while len(body) - start > SEGMENT_BYTES + MAX_RECORD_CHARS:
        boundary = BOUNDARY.search(body, start + SEGMENT_BYTES, start + SEGMENT_BYTES + MAX_RECORD_CHARS)
        if boundary is None:
            raise msgspec.DecodeError("no record boundary within the maximum length of a record")
        segment = body[start : boundary.start() + 1] + b"]"
        records = RECORDS.decode(segment if start == first else b"[" + segment)
        count = check_row_count(count + len(records), max_rows)
        yield records
        start = boundary.end()
    rest = body[start:]
    records = RECORDS.decode(rest if start == first else b"[" + rest)
    check_row_count(count + len(records), max_rows)
    yield records


def _record(raw: bytes, index: int) -> Values | RecordRejected:
    values = fast_values(raw)
    return _parse_record(decode_json(decode_utf8(raw), f"record {index}")) if values is None else values


def _parse_record(record: object) -> Values | RecordRejected:
    if not isinstance(record, dict):
        return RecordRejected((RequestError("", "the record is not a JSON object"),))
    try:
        encounter = parse(record)
    except RecordRejected as error:
        return error
    # None for the ignored fields, and for the encounter's number, which the parser has validated.
    return tuple(encounter.values.get(name) for name in DECODED_FIELDS)


def _encode(rows: Sequence[Values], coders: dict[str, "_Coder"]) -> None:
    for name, values in zip(DECODED_FIELDS, zip(*rows, strict=True), strict=False):
        if name in coders:
            coders[name].add(values)


class _Coder:
    """A dictionary encoder of one field's values."""

    def __init__(self) -> None:
        self._code_by_value: dict[object, int] = {}
        self._codes: list[Codes] = []

    def add(self, values: Values) -> None:
        code_by_value = self._code_by_value
        codes = (code_by_value.setdefault(value, len(code_by_value)) for value in values)
        self._codes.append(np.fromiter(codes, np.int64, len(values)))

    def column(self) -> BatchColumn:
        return BatchColumn([None if raw is UNSET else raw for raw in self._code_by_value], np.concatenate(self._codes))
