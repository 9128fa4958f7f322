"""HTTP/1.1 within limits: what uvicorn's protocol does, for clients that cannot be trusted.

uvicorn reads a head of any size for any time, keeps what a body brings until the app asks for it, and waits for ever
for a client that reads nothing. A sweep once a second looks after the deadlines here: a timer for each request costs
more than its answer.
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
    """One connection. Every refusal is an answer first; then what still arrives is thrown away for a moment."""

    def __init__(self, *args: Any, connections: Connections, **options: Any) -> None:
        super().__init__(*args, **options)
        self._all, self._limits = connections, connections.limits
        self._stage = IDLE
        self._since = 0.0
        """When the stage began, or its last window; 0: to be set as soon as it is known to last."""
        self._chunk, self._message_ended = 0, False
        self._head_bytes = 0
        self._body_bytes = self._window_bytes = self._counted_bytes = self._framing_bytes = 0
        self._body_since = 0.0
        self._held = 0
        """Bytes of bodies in memory that the budget was charged for."""
        self._client = ""
        self._unsent, self._unsent_since = 0, 0.0
        self._extensions: dict[str, dict[object, object]] = {EXTENSION: {WRITE: self.write_raw}}

    # of asyncio

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._since = self.loop.time()
        self._client = self.client[0] if self.client else ""
        if not self._all.open(self._client):
            self.refuse(error_responses.TOO_MANY_CONNECTIONS)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._all.close(self._client)
        self._release_body()

    def data_received(self, data: bytes) -> None:
        if self._stage is CLOSING:
            return
        self._chunk, self._message_ended = len(data), False
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # Nothing is offered to upgrade to: the request was answered as one of HTTP/1.1.
            return
        except httptools.HttpParserError:
            self.refuse(error_responses.MALFORMED)
            return
        if self._stage is not IDLE:
            self._check_unfinished()

    # of the parser

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = self._extensions
        if self._stage is not CLOSING:
            self._stage, self._since, self._head_bytes = HEAD, 0.0, 0

    def on_headers_complete(self) -> None:
        if self._stage is CLOSING:
            return
        # Most heads come in one piece with their body, well below every limit.
        small = self._head_bytes + self._chunk <= self._limits.head_bytes
        if (not small or len(self.headers) > self._limits.head_fields) and self._head_too_large():
            self.refuse(error_responses.HEAD_TOO_LARGE)
        elif self.pipeline and len(self.pipeline) >= self._limits.pipelined:
            self.refuse(error_responses.TOO_MANY_PIPELINED)
        else:
            self._stage, self._since = BODY, 0.0
            self._body_bytes = self._counted_bytes = self._framing_bytes = 0
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self._stage is CLOSING:
            return
        size, cycle = len(body), self.cycle
        self._body_bytes += size
        if cycle.response_complete:
            return
        self._held += size
        total = self._all.body_bytes = self._all.body_bytes + size
        if total > self._limits.bodies_bytes and not self._all.has_room(self._held):
            self.refuse(error_responses.BODIES_TOO_LARGE)
            return
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()

    def on_message_complete(self) -> None:
        self._message_ended = True
        if self._stage is CLOSING:
            return
        self._stage = IDLE
        if self.cycle.response_complete:
            self._since = self.loop.time()
        else:
            self.cycle.more_body = False
            self.cycle.message_event.set()

    # of the answer

    def write_raw(self, scope: object, head: bytes, body: bytes) -> bool:
        """Write a whole response with status 200 at once: a `RawWriter`."""
        cycle = self.cycle
        if cycle.scope is not scope or not cycle.keep_alive or cycle.disconnected or self.flow.write_paused:
            return False
        default_lines = self._all.default_lines(self.server_state.default_headers)
        if default_lines is None:
            return False
        cycle.response_started = cycle.response_complete = True
        self.transport.write(b"".join((STATUS_LINE[200], default_lines, head, body)))
        cycle.message_event.set()
        self.on_response_complete()
        return True

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self._held and not self.pipeline:
            self._release_body()
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._stage is not HEAD:
            self._since = self.loop.time()

    # of the sweep

    def enforce_deadlines(self, now: float) -> None:
        """Close the connection if its client is too slow: to send, to read, or to ask again."""
        limits, waited = self._limits, now - self._since
        answering = self.cycle is not None and not self.cycle.response_complete
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
            if waited > limits.head_seconds and self._since and not answering:
                self.refuse(error_responses.SLOW_HEAD)
        elif waited > (limits.head_seconds if self.cycle is None else limits.idle_seconds) and not answering:
            self.transport.close()

    def unsent(self) -> int:
        """Return the bytes of answers that the client has not read yet."""
        return self.transport.get_write_buffer_size()

    def abort(self, reason: str) -> None:
        """Close the connection at once, whatever it waits for."""
        self._all.note_closed(reason)
        self._stage = CLOSING
        self.transport.abort()

    def refuse(self, refusal: RawErrorResponse) -> None:
        """Answer with an error, unless an answer has begun, and close."""
        if self._stage is CLOSING:
            return
        self._all.note_closed(f"{refusal.status}, {refusal.message}")
        self._stage, self._since = CLOSING, self.loop.time()
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started or self.pipeline:
                self.transport.abort()
                return
        self.transport.write(refusal.response())
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()

    # what is checked

    def _check_unfinished(self) -> None:
        """Check a message of which more is to come."""
        if not self._since:
            self._since = self.loop.time()
            self._window_bytes, self._body_since = 0, self._since
        new = 0 if self._message_ended else self._chunk
        if self._stage is HEAD:
            self._head_bytes += new
            if self._head_bytes > self._limits.head_bytes or len(self.headers) > self._limits.head_fields:
                self.refuse(error_responses.HEAD_TOO_LARGE)
        elif self._stage is BODY:
            self._framing_bytes += new
            if self._body_bytes > self._counted_bytes:
                self._framing_bytes = 0
            self._counted_bytes = self._body_bytes
            if self._framing_bytes > self._limits.framing_bytes:
                self.refuse(error_responses.FRAMING_TOO_LARGE)

    def _head_too_large(self) -> bool:
        """Return whether the head alone is too large: a body or other requests may have come with its last bytes."""
        if len(self.headers) > self._limits.head_fields:
            return True
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > self._limits.head_bytes

    def _check_body(self, now: float) -> None:
        limits, waited = self._limits, now - self._since
        if self.cycle.response_complete:
            # What is left of a body that was refused.
            if waited > limits.rate_seconds:
                self.abort("a body that went on after its answer")
        elif self.flow.read_paused:
            self._since, self._window_bytes = now, self._body_bytes
        elif now - self._body_since > limits.body_seconds:
            self.refuse(error_responses.SLOW_BODY)
        elif waited > limits.rate_seconds:
            if self._body_bytes - self._window_bytes < limits.rate_bytes:
                self.refuse(error_responses.SLOW_BODY)
            self._since, self._window_bytes = now, self._body_bytes

    def _check_reader(self, now: float) -> None:
        """Cut off who does not read. A buffer that grew was nearly empty before: only then more is written to it."""
        unsent = self.unsent()
        if unsent > self._unsent or unsent <= self._unsent - self._limits.unread_bytes or not self._unsent:
            self._unsent, self._unsent_since = unsent, now
        elif now - self._unsent_since > self._limits.unread_seconds:
            self.abort("an answer that is not read")

    def _release_body(self) -> None:
        if self._held:
            self._all.body_bytes -= self._held
            self._held = 0
