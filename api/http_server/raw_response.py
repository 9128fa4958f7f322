"""A serialized JSON response, sent as ASGI messages, or in one write where the server supports it.

uvicorn validates each header of each response, and writes head and body separately. For a prediction, whose headers are
known to be valid, that is a tenth of all work.
"""

from collections.abc import Callable
from dataclasses import dataclass

from litestar.types import HTTPScope, Message

from api.headers import SECURITY_HEADERS

EXTENSION, WRITE = "readmit.raw_response", "write"
"""The ASGI extension of `api.http_server.protocol`, and its one entry, a `RawWriter`."""
RawWriter = Callable[[object, bytes, bytes], bool]
"""A function of the scope, the head of a 200 without its status line and default headers, and the body.

It returns False, with nothing written, when the response has to be sent as ASGI messages.
"""
FIXED_HEADERS = ((b"content-type", b"application/json"), *SECURITY_HEADERS)
FIXED_LINES = b"".join(b"%s: %s\r\n" % header for header in FIXED_HEADERS)
HEAD = FIXED_LINES + b"content-length: %d\r\nx-request-id: %b\r\nx-model-version: %b\r\n\r\n"


@dataclass(frozen=True, slots=True)
class RawResponse:
    """A response with a JSON body. `version`: that of the model, empty for an error."""

    status: int
    body: bytes
    request_id: str
    version: bytes = b""

    def head(self) -> bytes:
        """Return the header lines of a prediction and the empty line after them."""
        return HEAD % (len(self.body), self.request_id.encode(), self.version)

    def messages(self) -> tuple[Message, Message]:
        """Return the two ASGI messages."""
        headers = [
            *FIXED_HEADERS,
            (b"content-length", b"%d" % len(self.body)),
            (b"x-request-id", self.request_id.encode()),
        ]
        if self.version:
            headers.append((b"x-model-version", self.version))
        return (
            {"type": "http.response.start", "status": self.status, "headers": headers},
            {"type": "http.response.body", "body": self.body, "more_body": False},
        )

    def write(self, scope: HTTPScope) -> bool:
        """Write a prediction in one call if the server supports it; return whether it was written."""
        extensions = scope.get("extensions")
        if self.status != 200 or not extensions or EXTENSION not in extensions:
            return False
        write: RawWriter = extensions[EXTENSION][WRITE]  # type: ignore[assignment]  # ASGI types it as object
        return write(scope, self.head(), self.body)
