"""What was measured, what it has to keep to, and whether it does."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measured:
    """Requests that ended within `seconds`, while all `users` were there.

    `offered`: requests/s that so many users would make if an answer took no time; times in ms; `own_cpu`: cores that
    the load itself took.
    """

    users: int
    seconds: float
    offered: float
    requests: int
    failures: int
    median: float
    p95: float
    p99: float
    own_cpu: float

    @property
    def rate(self) -> float:
        """Requests/s that ended."""
        return self.requests / self.seconds

    @property
    def errors(self) -> float:
        """The share of requests that failed."""
        return self.failures / self.requests if self.requests else 0.0

    @property
    def share(self) -> float:
        """Of the offered rate."""
        return self.rate / self.offered


@dataclass(frozen=True, slots=True)
class LoadLimits:
    """`errors`: the greatest share that may fail; `p95`, `p99`: ms to stay under; `share`: the least."""

    errors: float
    p95: float
    p99: float
    share: float


@dataclass(frozen=True, slots=True)
class Threshold:
    """One limit, held against what was measured."""

    name: str
    found: str
    limit: str
    holds: bool


def judged(measured: Measured, limits: LoadLimits) -> tuple[Threshold, ...]:
    """Each threshold, and whether it holds."""
    return (
        _share("error rate", measured.errors, f"at most {limits.errors:.2%}", measured.errors <= limits.errors),
        _time("p95", measured.p95, limits.p95),
        _time("p99", measured.p99, limits.p99),
        _share("offered rate", measured.share, f"at least {limits.share:.2%}", measured.share >= limits.share),
    )


def _share(name: str, found: float, limit: str, holds: bool) -> Threshold:
    return Threshold(name, f"{found:.2%}", limit, holds)


def _time(name: str, found: float, limit: float) -> Threshold:
    return Threshold(name, f"{found:,.0f} ms", f"under {limit:,.0f} ms", found < limit)


def table(thresholds: Sequence[Threshold]) -> str:
    """For a person: a line for each, with its word."""
    rows = [("threshold", "measured", "limit", "")]
    rows += [(each.name, each.found, each.limit, "pass" if each.holds else "FAIL") for each in thresholds]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(lines)


def in_words(measured: Measured) -> str:
    """What was measured, in one line."""
    return (
        f"{measured.users:,} users: {measured.rate:,.1f} requests/s of {measured.offered:,.1f} offered, "
        f"{measured.failures:,} of {measured.requests:,} failed, median {measured.median:,.0f} ms, "
        f"p95 {measured.p95:,.0f} ms, p99 {measured.p99:,.0f} ms; the load itself took {measured.own_cpu:.2f} cores"
    )
