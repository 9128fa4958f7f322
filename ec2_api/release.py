"""The release schedule: a function of the start, the interval and the time. Reads do not change it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Release:
    """A schedule of `total` batches: one at `started_at` (epoch seconds), then one per interval; 0: all at once."""

    started_at: float
    interval_seconds: int
    total: int

    def released(self, now: float) -> int:
        """Return the number of released batches, 1 to total; also the number of the current batch."""
        if self.interval_seconds == 0:
            return self.total
        return max(1, min(self.total, 1 + int((now - self.started_at) // self.interval_seconds)))

    def exhausted(self, now: float) -> bool:
        """Return whether every batch is released."""
        return self.released(now) == self.total

    def release_time(self, number: int) -> float:
        """Return when a batch is released, in epoch seconds."""
        return self.started_at + (number - 1) * self.interval_seconds

    def seconds_to(self, number: int, now: float) -> float:
        """Return the seconds until a batch is released, 0 if it already is."""
        return 0.0 if number <= self.released(now) else self.release_time(number) - now

    def with_interval(self, interval_seconds: int, now: float) -> "Release":
        """Return the release with another interval from now on.

        Released batches stay released; the next one follows one interval later.
        """
        if interval_seconds == self.interval_seconds:
            return self
        start = now - (self.released(now) - 1) * interval_seconds
        return Release(start, interval_seconds, self.total)


def batch_spans(frozen: list[tuple[int, int]], rows: int, batch_size: int) -> list[tuple[int, int]]:
    """Return (first row, rows) of every batch: the frozen ones, then the remaining rows, `batch_size` at a time."""
    start = sum(frozen[-1]) if frozen else 0
    return frozen + [(first, min(batch_size, rows - first)) for first in range(start, rows, batch_size)]
