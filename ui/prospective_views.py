"""The prospective evaluations of the inference API: the fields that the page reads."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EstimateView:
    """A figure with its confidence interval; None: undefined."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class ProspectiveView:
    """The version in production on a batch that it had not learned from. `trained_on`: the last batch that it had."""

    batch: int
    version: str
    target: str
    trained_on: int
    threshold: float
    encounters: int
    patients: int
    events: int
    figures: Mapping[str, EstimateView]
