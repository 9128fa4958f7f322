"""Coordinates of curves in SVG plots, for the templates."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MAX_TICK_STEPS = 4
"""Maximum number of steps between ticks: few ticks are easier to read than many."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A range of values, and the coordinates of its two ends in the picture."""

    low: float
    high: float
    begin: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the coordinate of a value."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.begin + share * (self.end - self.begin), 1)

    @property
    def ticks(self) -> list[str]:
        """Labels at round values from end to end, at most five."""
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
        """Return a line through the points as an SVG path."""
        coordinates = [f"{self.x(x)} {self.y(y)}" for x, y in points]
        return f"M{' L'.join(coordinates)}" if coordinates else ""


def _step(low: float, high: float) -> float:
    """Return the smallest of 1, 2, 5, 10, ... (or 0.1, 0.2, ...) that needs few enough ticks."""
    size = 10.0 ** math.floor(math.log10((high - low) / MAX_TICK_STEPS))
    return next(size * times for times in (1, 2, 5, 10) if (high - low) / (size * times) <= MAX_TICK_STEPS + 1e-6)


def axis_range(values: Iterable[float | None]) -> tuple[float, float]:
    """Return a range with round ends that contains the values, of which those that are None are ignored."""
    numbers = [value for value in values if value is not None]
    if not numbers:
        return 0.0, 1.0
    low, high = min(numbers), max(numbers)
    spread = high - low or abs(high) or 1.0
    step = _step(low - spread / 20, high + spread / 20)
    first, last = math.floor(low / step), math.ceil(high / step)
    return step * first, step * max(last, first + 1)
