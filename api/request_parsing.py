"""From the bytes of a request to records: content type, size, encoding, and JSON as strict as it can be."""

import contextlib
import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from litestar import Request
from litestar.exceptions import InternalServerException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge

from api.errors import ApiError, quoted
from readmit.core.request import Encounter, parse
from readmit.core.table_limits import MOST_ROW_BYTES

JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"
MOST_BYTES, MOST_BATCH_BYTES = 65_536, 64_000_000
MOST_RECORDS = 200_000
LONGEST_RECORD = MOST_ROW_BYTES
"""Characters of one record in a JSON array. Decoding window by window keeps a hostile body from filling the memory."""
USUAL_RECORD = 4_096

_BLANK = re.compile(r"[ \t\n\r]*")


def content_type(request: Request[Any, Any, Any], *taken: str) -> str:
    """Which of the types the body is said to be; the first one if nothing is said. Refused: 415."""
    said, options = request.content_type
    kind = said.strip().lower() or taken[0]
    if kind not in taken:
        raise ApiError(415, f"the content type is {quoted(said)}; this route takes {' or '.join(taken)}")
    if options.get("charset", "utf-8").lower() not in ("utf-8", "utf8", "us-ascii"):
        raise ApiError(415, f"the charset is {quoted(options['charset'])}; this route takes utf-8")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise ApiError(415, "a compressed body is not taken")
    return kind


def answer_type(request: Request[Any, Any, Any]) -> str:
    """JSON, CSV or Parquet, whichever the caller would rather have. Refused: 406, none of them."""
    try:
        wanted = request.accept.best_match([JSON, CSV, PARQUET])
    except OverflowError:
        # Litestar makes an integer of `q=inf`
        wanted = None
    if wanted is None:
        raise ApiError(406, f"this route answers {JSON}, {CSV} or {PARQUET}")
    return wanted


async def bytes_of(request: Request[Any, Any, Any], limit: int) -> bytes:
    """The body. Refused: 413 above `limit` bytes, 400 when it is empty."""
    try:
        body = await request.body()
    except RequestEntityTooLarge as error:
        raise ApiError(413, f"the body is larger than {limit:,} bytes") from error
    except InternalServerException as error:
        # Litestar's word for a caller who hangs up: no fault of ours, so no 500 in the metrics
        raise ApiError(400, "the body ended before its time") from error
    if not body or body.isspace():
        raise ApiError(400, "the body is empty")
    return body


def utf8(body: bytes) -> str:
    """The body as text. Refused: 400, it is not UTF-8."""
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise ApiError(400, f"the body is not UTF-8: byte {error.start} can't be read") from error


def one(text: str) -> Encounter:
    """The encounter of a JSON object. Refused: 400 when it is none; RecordRefused: when it is no encounter."""
    record = record_of(text, "the body")
    if not isinstance(record, dict):
        raise ApiError(400, "the body is no JSON object: send one encounter as an object of fields")
    return parse(record)


def record_of(text: str, what: str) -> object:
    """The JSON value of a text that holds nothing else. Refused: 400."""
    value, end = _decoded(text, 0, len(text), what)
    if _after_blank(text, end) != len(text):
        raise ApiError(400, f"{what} goes on after the JSON value, at character {end}")
    return value


def items(text: str) -> Iterator[object]:
    """The values of a JSON array, one by one. Refused: 400, it is none, or one of them is no JSON or too long."""
    at = _after_blank(text, 0)
    if text[at : at + 1] != "[":
        raise ApiError(400, "the body is no JSON array: send the encounters as an array of objects")
    at, index = _after_blank(text, at + 1), 0
    closed = text[at : at + 1] == "]"
    while not closed:
        record, at = _decoded(text, at, LONGEST_RECORD, f"record {index}")
        yield record
        at, index = _after_blank(text, at), index + 1
        closed = text[at : at + 1] == "]"
        if not closed and text[at : at + 1] != ",":
            raise ApiError(400, f"the body is no valid JSON: a comma or ] is missing after record {index - 1}")
        at = at if closed else _after_blank(text, at + 1)
    if _after_blank(text, at + 1) != len(text):
        raise ApiError(400, f"the body goes on after the JSON array, at character {at + 1}")


def _after_blank(text: str, at: int) -> int:
    return _BLANK.match(text, at).end()  # type: ignore[union-attr]  # matches always, if only nothing


def _decoded(text: str, start: int, longest: int, what: str) -> tuple[object, int]:
    """The JSON value that begins at `start` and where it ends. Refused: 400."""
    if longest > USUAL_RECORD and start + USUAL_RECORD < len(text):
        # A window of the greatest length for each of many short records would cost more than all else.
        window = text[start : start + USUAL_RECORD]
        with contextlib.suppress(ValueError, RecursionError):
            value, length = _STRICT.raw_decode(window, _after_blank(window, 0))
            # A value that fills the window may go on behind it.
            if length < len(window):
                return value, start + length
    window = text[start : start + longest]
    try:
        value, length = _STRICT.raw_decode(window, _after_blank(window, 0))
    except RecursionError as error:
        raise ApiError(400, f"{what} is nested too deeply") from error
    except ValueError as error:
        reason = f"{error.msg} at character {start + error.pos}" if isinstance(error, json.JSONDecodeError) else error
        cut = f" (or is longer than {longest:,} characters)" if start + longest < len(text) else ""
        raise ApiError(400, f"{what} is no valid JSON{cut}: {reason}") from error
    return value, start + length


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name stands twice in an object")
    return made


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


_STRICT = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_number)
