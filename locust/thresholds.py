"""Measurements of a load test and their thresholds."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measured:
    """Requests that ended within `seconds` while all `users` were running.

    `offered`: requests/s of the users if responses took no time; `median`, `p95`, `p99`: ms; `own_cpu`: cores used by
    the load test itself.
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
        """Completed requests/s."""
        return self.requests / self.seconds

    @property
    def errors(self) -> float:
        """Share of failed requests."""
        return self.failures / self.requests if self.requests else 0.0

    @property
    def share(self) -> float:
        """Share of the offered rate."""
        return self.rate / self.offered


@dataclass(frozen=True, slots=True)
class LoadLimits:
    """Limits; `errors`: maximum share of failures; `p95`, `p99`: ms, exclusive; `share`: minimum of offered rate."""

    errors: float
    p95: float
    p99: float
    share: float


@dataclass(frozen=True, slots=True)
class Threshold:
    """One limit and the measured value."""

    name: str
    found: str
    limit: str
    holds: bool


def check_thresholds(measured: Measured, limits: LoadLimits) -> tuple[Threshold, ...]:
    """Return each threshold with the measured value."""
    return (
        _share_threshold(
            "error rate", measured.errors, f"at most {limits.errors:.2%}", measured.errors <= limits.errors
        ),
        _time_threshold("p95", measured.p95, limits.p95),
        _time_threshold("p99", measured.p99, limits.p99),
        _share_threshold(
            "offered rate", measured.share, f"at least {limits.share:.2%}", measured.share >= limits.share
        ),
    )


def _share_threshold(name: str, found: float, limit: str, holds: bool) -> Threshold:
    return Threshold(name, f"{found:.2%}", limit, holds)


def _time_threshold(name: str, found: float, limit: float) -> Threshold:
    return Threshold(name, f"{found:,.0f} ms", f"under {limit:,.0f} ms", found < limit)


def table(thresholds: Sequence[Threshold]) -> str:
    """Return the thresholds as a text table."""
    rows = [("threshold", "measured", "limit", "")]
    rows += [
        (threshold.name, threshold.found, threshold.limit, "pass" if threshold.holds else "FAIL")
        for threshold in thresholds
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(lines)


def summary_line(measured: Measured) -> str:
    """Return the measurements in one line."""
    return (
        f"{measured.users:,} users: {measured.rate:,.1f} requests/s of {measured.offered:,.1f} offered, "
        f"{measured.failures:,} of {measured.requests:,} failed, median {measured.median:,.0f} ms, "
        f"p95 {measured.p95:,.0f} ms, p99 {measured.p99:,.0f} ms; the load test used {measured.own_cpu:.2f} cores"
    )
