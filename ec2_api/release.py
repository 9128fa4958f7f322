"""Which batches are released: a function of the start, the interval and the time. Nobody's reading moves it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Release:
    """`total` batches, the first at `started_at` (epoch seconds), then one each interval; interval 0: all at once."""

    started_at: float
    interval_seconds: int
    total: int

    def released(self, now: float) -> int:
        """How many batches are out: 1 to total. It is also the number of the current batch."""
        if self.interval_seconds == 0:
            return self.total
        return max(1, min(self.total, 1 + int((now - self.started_at) // self.interval_seconds)))

    def exhausted(self, now: float) -> bool:
        return self.released(now) == self.total

    def moment(self, number: int) -> float:
        """When this batch is released, epoch seconds."""
        return self.started_at + (number - 1) * self.interval_seconds

    def seconds_to(self, number: int, now: float) -> float:
        """Seconds until this batch is released; 0 if it is."""
        return 0.0 if number <= self.released(now) else self.moment(number) - now

    def paced_anew(self, interval_seconds: int, now: float) -> "Release":
        """The same release at another pace from now on: what is out stays out, the next follows an interval later."""
        if interval_seconds == self.interval_seconds:
            return self
        start = now - (self.released(now) - 1) * interval_seconds
        return Release(start, interval_seconds, self.total)


def slices(frozen: list[tuple[int, int]], rows: int, batch_size: int) -> list[tuple[int, int]]:
    """(first row, rows) of every batch: those frozen as they are, then the rows after them, `batch_size` at a time."""
    begin = sum(frozen[-1]) if frozen else 0
    return frozen + [(first, min(batch_size, rows - first)) for first in range(begin, rows, batch_size)]
