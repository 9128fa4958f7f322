"""The limits over all connections of the server: their number, in total and per client, and their memory."""

import logging
from collections import Counter
from collections.abc import Iterable
from typing import Protocol

from api.http_server.limits import ConnectionLimits

Headers = list[tuple[bytes, bytes]]

log = logging.getLogger("readmit.api")


class Sweepable(Protocol):
    """A connection that can be swept."""

    def enforce_deadlines(self, now: float) -> None:
        """Close the connection when a deadline has passed."""

    def unsent(self) -> int:
        """Return the bytes of responses that the client has not read yet."""

    def abort(self, reason: str) -> None:
        """Close the connection at once."""


class Connections:
    """The budgets over all connections. `max_total`: the maximum number, below the limit of open files."""

    def __init__(self, limits: ConnectionLimits, max_total: int) -> None:
        self.limits = limits
        self._max_total = max_total
        self._total = 0
        self._by_client: Counter[str] = Counter()
        self._closed: Counter[str] = Counter()
        self.body_bytes = 0
        self._default_headers: Headers = []
        self._default_lines: bytes | None = b""

    def open(self, client: str) -> bool:
        """Count a new connection; return whether it is within the limits."""
        self._total += 1
        self._by_client[client] += 1
        return self._total <= self._max_total and self._by_client[client] <= self.limits.connections_per_client

    def close(self, client: str) -> None:
        """Count a connection that has ended."""
        self._total -= 1
        self._by_client[client] -= 1
        if not self._by_client[client]:
            del self._by_client[client]

    def has_capacity(self, body_bytes: int) -> bool:
        """Return whether the bodies in flight are within the budget of a connection with `body_bytes` of them."""
        small = self.limits.small_bodies_bytes if body_bytes <= self.limits.small_body_bytes else 0
        return self.body_bytes <= self.limits.bodies_bytes + small

    def default_lines(self, headers: Headers) -> bytes | None:
        """Return the header lines of every response; None when they close connections, which is left to uvicorn.

        uvicorn creates a new list of `headers` when its date changes, and so does the server when it shuts down.
        """
        if headers is not self._default_headers:
            self._default_headers = headers
            closes = any(name == b"connection" for name, _ in headers)
            self._default_lines = None if closes else b"".join(b"%s: %s\r\n" % header for header in headers)
        return self._default_lines

    def note_closed(self, reason: str) -> None:
        """Count a connection that was rejected or aborted, for the log."""
        self._closed[reason] += 1

    def sweep(self, connections: Iterable[Sweepable], now: float) -> None:
        """Enforce the deadlines of all connections and the budget of unread responses; log what was closed."""
        unread = []
        for connection in connections:
            connection.enforce_deadlines(now)
            if size := connection.unsent():
                unread.append((size, connection))
        total = sum(size for size, _ in unread)
        for size, connection in sorted(unread, key=lambda item: item[0], reverse=True):
            if total <= self.limits.unsent_bytes:
                break
            connection.abort("unread responses above the budget")
            total -= size
        for reason, count in self._closed.items():
            log.warning("closed %d connections: %s", count, reason)
        self._closed.clear()
