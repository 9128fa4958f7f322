"""Parsing of requests: content type, size, encoding, and strict JSON."""

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
from readmit.core.tabular.table_limits import MAX_ROW_BYTES

JSON, CSV, PARQUET, ZIP = "application/json", "text/csv", "application/vnd.apache.parquet", "application/zip"
MAX_BODY_BYTES, MAX_BATCH_BYTES = 65_536, 64_000_000
MAX_RECORDS = 200_000
MAX_RECORD_CHARS = MAX_ROW_BYTES
"""Of one record in a JSON array. Decoding in windows keeps a hostile body from filling the memory."""
TYPICAL_RECORD_CHARS = 4_096

_WHITESPACE = re.compile(r"[ \t\n\r]*")


def request_content_type(request: Request[Any, Any, Any], *accepted: str) -> str:
    """Return the content type of the body; by default the first of those accepted.

    Raises ApiError with status 415 when the type, charset or content encoding is not supported.
    """
    header, options = request.content_type
    media_type = header.strip().lower() or accepted[0]
    if media_type not in accepted:
        raise ApiError(415, f"unsupported content type {quoted(header)}: send {' or '.join(accepted)}")
    if options.get("charset", "utf-8").lower() not in ("utf-8", "utf8", "us-ascii"):
        raise ApiError(415, f"unsupported charset {quoted(options['charset'])}: send utf-8")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise ApiError(415, "compressed bodies are not supported")
    return media_type


def response_content_type(request: Request[Any, Any, Any]) -> str:
    """Return the client's preferred type of JSON, CSV and Parquet. Raises ApiError with status 406 for no match."""
    try:
        preferred = request.accept.best_match([JSON, CSV, PARQUET])
    except OverflowError:
        # Litestar converts `q=inf` to an integer.
        preferred = None
    if preferred is None:
        raise ApiError(406, f"the Accept header must allow {JSON}, {CSV} or {PARQUET}")
    return preferred


async def read_body(request: Request[Any, Any, Any], limit: int) -> bytes:
    """Return the body. Raises ApiError: with status 413 above `limit` bytes, 400 when it is empty or incomplete."""
    try:
        body = await request.body()
    except RequestEntityTooLarge as error:
        raise ApiError(413, f"the body is larger than {limit:,} bytes") from error
    except InternalServerException as error:
        # Litestar raises this when the client disconnects: not an internal error, so no 500 in the metrics.
        raise ApiError(400, "the body is incomplete") from error
    if not body or body.isspace():
        raise ApiError(400, "the body is empty")
    return body


def decode_utf8(body: bytes) -> str:
    """Return the body as text. Raises ApiError with status 400 when it is not UTF-8."""
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise ApiError(400, f"the body is not UTF-8: invalid byte at offset {error.start}") from error


def parse_encounter(text: str) -> Encounter:
    """Return the encounter in a JSON object.

    Raises ApiError with status 400 when the text is no JSON object, RecordRejected when the encounter is invalid.
    """
    record = decode_json(text, "the body")
    if not isinstance(record, dict):
        raise ApiError(400, "the body is not a JSON object: send one encounter as an object")
    return parse(record)


def decode_json(text: str, label: str) -> object:
    """Return the one JSON value of a text, which errors call `label`. Raises ApiError with status 400 otherwise."""
    value, end = _decode_value(text, 0, len(text), label)
    if _skip_whitespace(text, end) != len(text):
        raise ApiError(400, f"{label} has trailing data after the JSON value, at character {end}")
    return value


def iter_array(text: str) -> Iterator[object]:
    """Yield the values of a JSON array. Raises ApiError with status 400 when it is invalid or a value too long."""
    at = _skip_whitespace(text, 0)
    if text[at : at + 1] != "[":
        raise ApiError(400, "the body is not a JSON array: send the encounters as an array of objects")
    at, index = _skip_whitespace(text, at + 1), 0
    closed = text[at : at + 1] == "]"
    while not closed:
        record, at = _decode_value(text, at, MAX_RECORD_CHARS, f"record {index}")
        yield record
        at, index = _skip_whitespace(text, at), index + 1
        closed = text[at : at + 1] == "]"
        if not closed and text[at : at + 1] != ",":
            raise ApiError(400, f"the body is not valid JSON: expected a comma or ] after record {index - 1}")
        at = at if closed else _skip_whitespace(text, at + 1)
    if _skip_whitespace(text, at + 1) != len(text):
        raise ApiError(400, f"the body has trailing data after the JSON array, at character {at + 1}")


def _skip_whitespace(text: str, at: int) -> int:
    return _WHITESPACE.match(text, at).end()  # type: ignore[union-attr]  # always matches, possibly the empty string


def _decode_value(text: str, start: int, max_chars: int, label: str) -> tuple[object, int]:
    """Return the JSON value that begins at `start`, and where it ends. Raises ApiError with status 400."""
    if max_chars > TYPICAL_RECORD_CHARS and start + TYPICAL_RECORD_CHARS < len(text):
        # A window of the maximum length for each of many short records would dominate the cost.
        window = text[start : start + TYPICAL_RECORD_CHARS]
        with contextlib.suppress(ValueError, RecursionError):
            value, length = _STRICT_DECODER.raw_decode(window, _skip_whitespace(window, 0))
            # A value that fills the window may continue beyond it.
            if length < len(window):
                return value, start + length
    window = text[start : start + max_chars]
    try:
        value, length = _STRICT_DECODER.raw_decode(window, _skip_whitespace(window, 0))
    except RecursionError as error:
        raise ApiError(400, f"{label} is nested too deeply") from error
    except ValueError as error:
        reason = f"{error.msg} at character {start + error.pos}" if isinstance(error, json.JSONDecodeError) else error
        too_long = f" (or is longer than {max_chars:,} characters)" if start + max_chars < len(text) else ""
        raise ApiError(400, f"{label} is not valid JSON{too_long}: {reason}") from error
    return value, start + length


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("duplicate key in an object")
    return result


def _reject_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not allowed in JSON")


_STRICT_DECODER = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_constant=_reject_constant)
