"""The verdict on a challenger as it is kept and told: by the standard library alone, for those who only read it."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

Points = tuple[tuple[float, float], ...]


def finite(value: float) -> float | None:
    """None for what is no finite number: JSON has no word for it."""
    return value if math.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class Interval:
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Curves:
    """`roc`: (false positive rate, true positive rate), from (0, 0) to (1, 1).

    `precision_recall`: (recall, precision) by growing recall. `calibration`: (mean probability, observed rate) of
    each of the bins of equal mass over which the ECE is the mean gap.
    """

    roc: Points
    precision_recall: Points
    calibration: Points

    def to_json(self) -> str:
        return json.dumps(asdict(self), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "Curves":
        """What `to_json` wrote. KeyError or TypeError: it is not that."""
        return cls.of_fields(json.loads(text))

    @classmethod
    def of_fields(cls, read: Mapping[str, Iterable[Sequence[float]]]) -> "Curves":
        """The curves whose points stand under the names of the fields."""
        return cls(**{each.name: tuple((x, y) for x, y in read[each.name]) for each in fields(cls)})


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a challenger goes into production, with the figures that decided it. `reasons`: in words.

    `curves`: the challenger's on the test patients; none where it does not answer in numbers.
    """

    promoted: bool
    provisional: bool
    reasons: tuple[str, ...]
    version: str
    rival: str | None
    figures: dict[str, float]
    rival_figures: dict[str, float]
    roc_auc: Interval
    rival_roc_auc: Interval | None
    roc_auc_change: Interval | None
    curves: Curves | None

    def to_json(self) -> str:
        """A figure that is not a number becomes null."""
        return json.dumps(_each_figure(asdict(self), finite), allow_nan=False)

    @property
    def outcome(self) -> str:
        """In a word: promoted, provisional or refused."""
        return "provisional" if self.provisional else "promoted" if self.promoted else "refused"

    @classmethod
    def from_json(cls, text: str) -> "Verdict":
        read = _each_figure(json.loads(text), lambda value: math.nan if value is None else value)
        change, curves = read.pop("roc_auc_change"), read.pop("curves")
        rival = read.pop("rival_roc_auc", None)
        return cls(
            **{**read, "reasons": tuple(read["reasons"]), "roc_auc": Interval(**read["roc_auc"])},
            rival_roc_auc=Interval(**rival) if rival else None,
            roc_auc_change=Interval(**change) if change else None,
            curves=Curves.of_fields(curves) if curves else None,
        )


def _each_figure(read: dict[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    """The fields of a verdict with each number of its mappings changed; curves hold finite ones alone."""
    numbers = {name: value for name, value in read.items() if isinstance(value, dict) and name != "curves"}
    return read | {name: {key: change(value) for key, value in found.items()} for name, found in numbers.items()}
