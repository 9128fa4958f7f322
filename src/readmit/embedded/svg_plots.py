"""Where the points of a curve lie on a picture: the templates draw with it."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MOST_STEPS = 4
"""So many from one tick to the next; few are read more easily than many."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A range of values, and the place of its two ends on the picture."""

    low: float
    high: float
    begin: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.begin + share * (self.end - self.begin), 1)

    @property
    def ticks(self) -> list[str]:
        """Round values from end to end, at most five, as they are written."""
        step = _step(self.low, self.high)
        digits = max(0, -math.floor(math.log10(step) + 1e-9))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [f"{number * step:.{digits}f}" for number in range(first, last + 1)]


@dataclass(frozen=True, slots=True)
class Plot:
    """Two axes; `x` grows to the right and `y` upwards."""

    x: Axis
    y: Axis

    def path(self, points: Iterable[Sequence[float]]) -> str:
        """A line through the points, as SVG's `d` has it."""
        places = [f"{self.x(x)} {self.y(y)}" for x, y in points]
        return f"M{' L'.join(places)}" if places else ""


def _step(low: float, high: float) -> float:
    """The least of 1, 2, 5, 10, ... (or 0.1, 0.2, ...) by which few enough ticks are needed."""
    size = 10.0 ** math.floor(math.log10((high - low) / MOST_STEPS))
    return next(size * times for times in (1, 2, 5, 10) if (high - low) / (size * times) <= MOST_STEPS + 1e-6)


def around(values: Iterable[float | None]) -> tuple[float, float]:
    """A range of round ends that holds the values; None: no number."""
    found = [value for value in values if value is not None]
    if not found:
        return 0.0, 1.0
    low, high = min(found), max(found)
    spread = high - low or abs(high) or 1.0
    step = _step(low - spread / 20, high + spread / 20)
    first, last = math.floor(low / step), math.ceil(high / step)
    return step * first, step * max(last, first + 1)
