"""Parsing of requests: content type, size, encoding, and strict JSON."""

from collections.abc import Iterator
from typing import Any

from litestar import Request
from litestar.exceptions import InternalServerException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge

from api.errors import ApiError, quoted
from readmit.core import strict_json
from readmit.core.json_faults import TRAILING_COMMA
from readmit.core.request import Encounter, parse
from readmit.core.strict_json import InvalidJson, position, skip_whitespace
from readmit.core.tabular.table_limits import MAX_ROW_BYTES

JSON, CSV, PARQUET, ZIP = "application/json", "text/csv", "application/vnd.apache.parquet", "application/zip"
MAX_BODY_BYTES, MAX_BATCH_BYTES = 65_536, 64_000_000
MAX_RECORDS = 200_000
MAX_RECORD_CHARS = MAX_ROW_BYTES
"""Of one record in a JSON array. Decoding in windows keeps a hostile body from filling the memory."""


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


def response_content_type(request: Request[Any, Any, Any], *offered: str) -> str:
    """Return the client's preferred type of those offered. Raises ApiError with status 406 for no match."""
    try:
        preferred = request.accept.best_match(list(offered))
    except OverflowError:
        # Litestar converts `q=inf` to an integer.
        preferred = None
    if preferred is None:
        raise ApiError(406, f"the Accept header must allow {', '.join(offered[:-1])} or {offered[-1]}")
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
    """Return the body as text, without a byte order mark. Raises ApiError with status 400 when it is not UTF-8."""
    try:
        return strict_json.text_of(body, "the body")
    except InvalidJson as error:
        raise ApiError(400, str(error)) from error


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
    try:
        return strict_json.value_of(text, label)
    except InvalidJson as error:
        raise ApiError(400, str(error)) from error


def iter_array(text: str) -> Iterator[object]:
    """Yield the values of a JSON array. Raises ApiError with status 400 when it is invalid or a value too long."""
    at = skip_whitespace(text, 0)
    if text[at : at + 1] != "[":
        raise ApiError(400, "the body is not a JSON array: send the encounters as an array of objects")
    at, index = skip_whitespace(text, at + 1), 0
    closed = text[at : at + 1] == "]"
    while not closed:
        try:
            record, at = strict_json.value_at(text, at, MAX_RECORD_CHARS, f"record {index}")
        except InvalidJson as error:
            raise ApiError(400, str(error)) from error
        yield record
        index, closed = index + 1, text[at : at + 1] == "]"
        if not closed:
            at = _skip_comma(text, at, index - 1)
    end = skip_whitespace(text, at + 1)
    if end != len(text):
        raise ApiError(400, f"the body has trailing data after the JSON array, at {position(text, end)}")


def _skip_comma(text: str, at: int, index: int) -> int:
    """Return the offset of the record after record `index`. Raises ApiError with status 400 without a comma."""
    if text[at : at + 1] != ",":
        where = position(text, at)
        raise ApiError(400, f"the body is not valid JSON at {where}: expected a comma or ] after record {index}")
    following = skip_whitespace(text, at + 1)
    if text[following : following + 1] == "]":
        raise ApiError(400, f"the body is not valid JSON at {position(text, at)}: {TRAILING_COMMA}")
    return following
