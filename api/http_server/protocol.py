"""HTTP/1.1 with limits: uvicorn's protocol, made safe for untrusted clients.

uvicorn reads a head of any size without a timeout, buffers a body until the app reads it, and waits forever for a
client that does not read its response. Deadlines are checked by a sweep once per second, since a timer for each request
would cost more than its response.
"""

import asyncio
from enum import IntEnum
from typing import Any

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api.http_server import error_responses
from api.http_server.connections import Connections
from api.http_server.error_responses import RawErrorResponse
from api.http_server.raw_response import EXTENSION, WRITE


class Stage(IntEnum):
    """What a connection is receiving."""

    IDLE = 0
    HEAD = 1
    BODY = 2
    CLOSING = 3


IDLE, HEAD, BODY, CLOSING = Stage


class LimitedProtocol(HttpToolsProtocol):
    """A connection with limits. A rejected one gets an error response; then its input is discarded for a moment."""

    def __init__(self, *args: Any, connections: Connections, **options: Any) -> None:  # noqa: ANN401 - as uvicorn has it
        super().__init__(*args, **options)
        self._connections, self._limits = connections, connections.limits
        self._stage = IDLE
        self._since = 0.0
        """When the stage or its last window began; 0 until the stage outlasts one read."""
        self._chunk, self._message_ended = 0, False
        self._head_bytes = 0
        self._body_bytes = self._window_bytes = self._counted_bytes = self._framing_bytes = 0
        self._body_since = 0.0
        self._charged_bytes = 0
        """Bytes of this connection's bodies that count against the budget."""
        self._client = ""
        self._unsent, self._unsent_since = 0, 0.0
        self._extensions: dict[str, dict[object, object]] = {EXTENSION: {WRITE: self.write_raw}}

    # Callbacks of asyncio.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's signature
        """Count the connection; reject it above the limits."""
        super().connection_made(transport)
        self._since = self.loop.time()
        self._client = self.client[0] if self.client else ""
        if not self._connections.open(self._client):
            self.reject(error_responses.TOO_MANY_CONNECTIONS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Release what the connection was counted for."""
        super().connection_lost(exc)
        self._connections.close(self._client)
        self._release_body()

    def data_received(self, data: bytes) -> None:
        """Parse what was read and check the limits of an incomplete message."""
        if self._stage is CLOSING:
            return
        self._chunk, self._message_ended = len(data), False
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # No upgrade is supported: the request was answered as an HTTP/1.1 request.
            return
        except httptools.HttpParserError:
            self.reject(error_responses.MALFORMED)
            return
        if self._stage is not IDLE:
            self._check_unfinished()

    # Callbacks of the parser.

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self.scope["extensions"] = self._extensions
        if self._stage is not CLOSING:
            self._stage, self._since, self._head_bytes = HEAD, 0.0, 0

    def on_headers_complete(self) -> None:
        """Check the size of the head and the number of pipelined requests, then start the app."""
        if self._stage is CLOSING:
            return
        # Most heads arrive in one read with their body, well below every limit.
        small = self._head_bytes + self._chunk <= self._limits.head_bytes
        if (not small or len(self.headers) > self._limits.head_fields) and self._head_too_large():
            self.reject(error_responses.HEAD_TOO_LARGE)
        elif self.pipeline and len(self.pipeline) >= self._limits.max_pipelined:
            self.reject(error_responses.TOO_MANY_PIPELINED)
        else:
            self._stage, self._since = BODY, 0.0
            self._body_bytes = self._counted_bytes = self._framing_bytes = 0
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Pass a part of the body to the app, within the budget."""
        if self._stage is CLOSING:
            return
        size, cycle = len(body), self.cycle
        self._body_bytes += size
        if cycle.response_complete:
            return
        self._charged_bytes += size
        total = self._connections.body_bytes = self._connections.body_bytes + size
        if total > self._limits.bodies_bytes and not self._connections.has_capacity(self._charged_bytes):
            self.reject(error_responses.BODIES_TOO_LARGE)
            return
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()

    def on_message_complete(self) -> None:
        """End a request."""
        self._message_ended = True
        if self._stage is CLOSING:
            return
        self._stage = IDLE
        if self.cycle.response_complete:
            self._since = self.loop.time()
        else:
            self.cycle.more_body = False
            self.cycle.message_event.set()

    # Responses.

    def write_raw(self, scope: object, head: bytes, body: bytes) -> bool:
        """Write a whole response with status 200 in one call, as a `RawWriter`."""
        cycle = self.cycle
        if cycle.scope is not scope or not cycle.keep_alive or cycle.disconnected or self.flow.write_paused:
            return False
        default_lines = self._connections.default_lines(self.server_state.default_headers)
        if default_lines is None:
            return False
        cycle.response_started = cycle.response_complete = True
        self.transport.write(b"".join((STATUS_LINE[200], default_lines, head, body)))
        cycle.message_event.set()
        self.on_response_complete()
        return True

    def on_response_complete(self) -> None:
        """Release the body and start the next pipelined request, if any."""
        self.server_state.total_requests += 1
        if self._charged_bytes and not self.pipeline:
            self._release_body()
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._stage is not HEAD:
            self._since = self.loop.time()

    # Called by the sweep.

    def enforce_deadlines(self, now: float) -> None:
        """Close the connection when its client is too slow to send, to read or to send the next request."""
        limits, waited = self._limits, now - self._since
        responding = self.cycle is not None and not self.cycle.response_complete
        if not self.unsent():
            self._unsent = 0
        else:
            self._check_reader(now)
            return
        if self._stage is CLOSING:
            if waited > limits.linger_seconds:
                self.transport.abort()
        elif self._stage is BODY:
            self._check_body(now)
        elif self._stage is HEAD:
            if waited > limits.head_seconds and self._since and not responding:
                self.reject(error_responses.SLOW_HEAD)
        elif waited > (limits.head_seconds if self.cycle is None else limits.idle_seconds) and not responding:
            self.transport.close()

    def unsent(self) -> int:
        """Return the bytes of responses that the client has not read yet."""
        return self.transport.get_write_buffer_size()

    def abort(self, reason: str) -> None:
        """Close the connection at once."""
        self._connections.note_closed(reason)
        self._stage = CLOSING
        self.transport.abort()

    def reject(self, error: RawErrorResponse) -> None:
        """Send an error response, unless a response has begun, and close the connection."""
        if self._stage is CLOSING:
            return
        self._connections.note_closed(f"{error.status}, {error.message}")
        self._stage, self._since = CLOSING, self.loop.time()
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started or self.pipeline:
                self.transport.abort()
                return
        self.transport.write(error.response(self._rejected_method()))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()

    def _rejected_method(self) -> bytes:
        """Return the method of the first request without a response."""
        waiting = self.cycle is not None and not self.cycle.response_complete
        return self.cycle.scope["method"].encode() if waiting else self.parser.get_method()

    # Checks.

    def _check_unfinished(self) -> None:
        """Check the limits of a message that is still incomplete."""
        if not self._since:
            self._since = self.loop.time()
            self._window_bytes, self._body_since = 0, self._since
        new = 0 if self._message_ended else self._chunk
        if self._stage is HEAD:
            self._head_bytes += new
            if self._head_bytes > self._limits.head_bytes or len(self.headers) > self._limits.head_fields:
                self.reject(error_responses.HEAD_TOO_LARGE)
        elif self._stage is BODY:
            self._framing_bytes += new
            if self._body_bytes > self._counted_bytes:
                self._framing_bytes = 0
            self._counted_bytes = self._body_bytes
            if self._framing_bytes > self._limits.framing_bytes:
                self.reject(error_responses.FRAMING_TOO_LARGE)

    def _head_too_large(self) -> bool:
        """Return whether the head alone is too large: its last read may include a body or further requests."""
        if len(self.headers) > self._limits.head_fields:
            return True
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > self._limits.head_bytes

    def _check_body(self, now: float) -> None:
        limits, waited = self._limits, now - self._since
        if self.cycle.response_complete:
            # The remainder of a rejected body.
            if waited > limits.rate_seconds:
                self.abort("a body that continues after its response")
        elif self.flow.read_paused:
            self._since, self._window_bytes = now, self._body_bytes
        elif now - self._body_since > limits.body_seconds:
            self.reject(error_responses.SLOW_BODY)
        elif waited > limits.rate_seconds:
            if self._body_bytes - self._window_bytes < limits.rate_bytes:
                self.reject(error_responses.SLOW_BODY)
            self._since, self._window_bytes = now, self._body_bytes

    def _check_reader(self, now: float) -> None:
        """Abort a connection whose client does not read.

        A buffer that grew was nearly empty before, since only then is more written to it.
        """
        unsent = self.unsent()
        if unsent > self._unsent or unsent <= self._unsent - self._limits.unread_bytes or not self._unsent:
            self._unsent, self._unsent_since = unsent, now
        elif now - self._unsent_since > self._limits.unread_seconds:
            self.abort("a response that is not read")

    def _release_body(self) -> None:
        if self._charged_bytes:
            self._connections.body_bytes -= self._charged_bytes
            self._charged_bytes = 0
