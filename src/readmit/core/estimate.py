"""A figure with its confidence interval. Imports the standard library only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and the bounds of its confidence interval."""

    value: float
    low: float
    high: float
