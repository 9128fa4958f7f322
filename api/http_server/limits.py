"""What a connection may cost before the framework sees anything of it.

Container: 768 MB. The process takes about 150 MB, a batch's worker the more the larger its batch is.
"""

from dataclasses import dataclass

KIB, MIB = 2**10, 2**20


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Bytes, seconds and counts."""

    head_bytes: int = 32 * KIB
    head_fields: int = 128
    """Each header takes some 200 bytes of memory, however short it is."""
    head_seconds: float = 10.0
    """From the first byte of a head to its end; for a new connection, from its beginning."""
    idle_seconds: float = 75.0
    """Between two requests: longer than people think and programs pause."""
    framing_bytes: int = 32 * KIB
    """Of a chunked body without a byte of data: chunk headers, their extensions, trailers."""
    rate_bytes: int = 10 * KIB
    rate_seconds: float = 10.0
    """A body arrives at 1 KB/s, measured over this time again and again, so that a fast start earns no credit."""
    body_seconds: float = 600.0
    """64 MB at 0.9 Mbit/s."""
    bodies_bytes: int = 96 * MIB
    """Of all bodies in flight: one of the largest batches, and half of a second one."""
    small_body_bytes: int = 64 * KIB
    small_bodies_bytes: int = 32 * MIB
    """Bodies up to `small_body_bytes` may take this much more, so that large ones do not keep out /predict."""
    unsent_bytes: int = 96 * MIB
    """Of all answers that clients have not read yet: the slowest readers of the largest ones are cut off beyond."""
    unread_bytes: int = 256 * KIB
    unread_seconds: float = 30.0
    """A client reads so much of a waiting answer, or all of it, in this time."""
    linger_seconds: float = 2.0
    """How long what a refused client still sends is thrown away, so that it gets to read the answer."""
    pipelined: int = 32
    """Requests that wait behind another one on the same connection."""
    connections_per_client: int = 25_000
    """`just load` keeps one open for each of its users, 25,000 at most, all from one address."""
