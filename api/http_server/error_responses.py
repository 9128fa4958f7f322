"""Error responses of the server itself, for requests that never reach the framework."""

from dataclasses import dataclass
from http import HTTPStatus

import msgspec

from api.errors import valid_or_new_id
from api.head_requests import HEAD
from api.headers import SECURITY_HEADERS
from api.schemas import ErrorDetail, ErrorResponse


@dataclass(frozen=True, slots=True)
class RawErrorResponse:
    """An error after which the connection is closed. `retry_after`: in seconds, where retrying makes sense."""

    status: int
    message: str
    retry_after: int | None = None

    def response(self, method: bytes) -> bytes:
        """Return the serialized response to a request with this method: without the body to HEAD."""
        request_id = valid_or_new_id(b"")
        body = msgspec.json.encode(ErrorResponse(ErrorDetail(self.message), request_id))
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", request_id.encode()),
            *SECURITY_HEADERS,
            (b"connection", b"close"),
        ]
        if self.retry_after is not None:
            headers.append((b"retry-after", b"%d" % self.retry_after))
        status_line = f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}".encode()
        content = b"" if method == HEAD.encode() else body
        return b"\r\n".join([status_line, *(b"%s: %s" % header for header in headers), b"", content])


MALFORMED = RawErrorResponse(400, "the request is not valid HTTP/1.1")
SLOW_HEAD = RawErrorResponse(408, "the request head did not arrive in time")
SLOW_BODY = RawErrorResponse(408, "the request body arrives too slowly")
HEAD_TOO_LARGE = RawErrorResponse(431, "the request head is larger than 32 KB or has more than 128 headers")
FRAMING_TOO_LARGE = RawErrorResponse(431, "the chunk extensions or trailers of the request body are larger than 32 KB")
BODIES_TOO_LARGE = RawErrorResponse(503, "too many large requests at the same time: try again later", retry_after=5)
TOO_MANY_PIPELINED = RawErrorResponse(503, "too many requests are waiting on this connection", retry_after=1)
TOO_MANY_CONNECTIONS = RawErrorResponse(503, "too many connections, from this address or in total", retry_after=5)
