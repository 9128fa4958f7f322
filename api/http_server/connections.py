"""All connections of the server together: how many, whose, and what they hold in memory."""

import logging
from collections import Counter
from collections.abc import Iterable
from typing import Protocol

from api.http_server.limits import ConnectionLimits

Headers = list[tuple[bytes, bytes]]

log = logging.getLogger("readmit.api")


class Sweepable(Protocol):
    """A connection, as the sweep sees it."""

    def enforce_deadlines(self, now: float) -> None:
        """Close the connection if its time is up."""

    def unsent(self) -> int:
        """Return the bytes of answers that the client has not read yet."""

    def abort(self, reason: str) -> None:
        """Close the connection at once."""


class Connections:
    """Budgets over all connections. `most`: how many there may be in all, below the limit of open files."""

    def __init__(self, limits: ConnectionLimits, most: int) -> None:
        self.limits = limits
        self._most = most
        self._total = 0
        self._by_client: Counter[str] = Counter()
        self._closed: Counter[str] = Counter()
        self.body_bytes = 0
        self._default_headers: Headers = []
        self._default_lines: bytes | None = b""

    def open(self, client: str) -> bool:
        """Count a new connection; return whether it is within the bounds."""
        self._total += 1
        self._by_client[client] += 1
        return self._total <= self._most and self._by_client[client] <= self.limits.connections_per_client

    def close(self, client: str) -> None:
        """Count a connection that has ended."""
        self._total -= 1
        self._by_client[client] -= 1
        if not self._by_client[client]:
            del self._by_client[client]

    def has_room(self, held: int) -> bool:
        """Return whether the bodies in flight are within the budget of a connection that holds so many bytes."""
        small = self.limits.small_bodies_bytes if held <= self.limits.small_body_bytes else 0
        return self.body_bytes <= self.limits.bodies_bytes + small

    def default_lines(self, headers: Headers) -> bytes | None:
        """Return the header lines of every response; None if they close connections, which uvicorn has to do.

        uvicorn makes a new list of `headers` when the date in it changes, and so does the server when it shuts down.
        """
        if headers is not self._default_headers:
            self._default_headers = headers
            closes = any(name == b"connection" for name, _ in headers)
            self._default_lines = None if closes else b"".join(b"%s: %s\r\n" % header for header in headers)
        return self._default_lines

    def note_closed(self, reason: str) -> None:
        """Count a connection that was refused or cut off, for the log."""
        self._closed[reason] += 1

    def sweep(self, connections: Iterable[Sweepable], now: float) -> None:
        """Enforce the deadlines of all connections, and the budget of unread answers; log what was closed."""
        unread = []
        for connection in connections:
            connection.enforce_deadlines(now)
            if size := connection.unsent():
                unread.append((size, connection))
        total = sum(size for size, _ in unread)
        for size, connection in sorted(unread, key=lambda each: each[0], reverse=True):
            if total <= self.limits.unsent_bytes:
                break
            connection.abort("unread answers above the budget")
            total -= size
        for reason, count in self._closed.items():
            log.warning("closed %d connections: %s", count, reason)
        self._closed.clear()
