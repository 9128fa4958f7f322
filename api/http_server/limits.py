"""Limits of a connection before the framework sees a request.

They fit into a container of 768 MB: the process takes about 150 MB, the batch worker the more the larger the batch.
"""

from dataclasses import dataclass

KIB, MIB = 2**10, 2**20


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """The limits, in bytes, seconds and counts."""

    head_bytes: int = 32 * KIB
    head_fields: int = 128
    """A header takes about 200 bytes of memory, however short it is."""
    head_seconds: float = 10.0
    """From the first byte of a head to its end; for a new connection, from its start."""
    idle_seconds: float = 75.0
    """Between two requests: longer than people and programs usually pause."""
    framing_bytes: int = 32 * KIB
    """Of a chunked body without data: chunk headers, their extensions, trailers."""
    rate_bytes: int = 10 * KIB
    rate_seconds: float = 10.0
    """A body must arrive at 1 KB/s in each window of this length, so that a fast start earns no credit."""
    body_seconds: float = 600.0
    """Enough for 64 MB at 0.9 Mbit/s."""
    bodies_bytes: int = 96 * MIB
    """Of all bodies in flight: one and a half of the largest batches."""
    small_body_bytes: int = 64 * KIB
    small_bodies_bytes: int = 32 * MIB
    """Additional budget for bodies up to `small_body_bytes`, so that large ones do not block /predict."""
    unsent_bytes: int = 96 * MIB
    """Of all responses that clients have not read yet; above it, connections with the largest ones are aborted."""
    unread_bytes: int = 256 * KIB
    unread_seconds: float = 30.0
    """A client must read `unread_bytes` of a response, or all of it, in this time."""
    linger_seconds: float = 2.0
    """How long the input of a rejected client is discarded, so that it can read the response."""
    max_pipelined: int = 32
    """Requests that wait behind another one on the same connection (HTTP pipelining)."""
    connections_per_client: int = 25_000
    """`just load` opens one per user, at most 25,000, all from one address."""
