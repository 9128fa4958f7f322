"""The verdict on a challenger as it is stored and displayed. Imports the standard library only."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

Points = tuple[tuple[float, float], ...]


def finite_or_none(value: float) -> float | None:
    """Return None for a number that is not finite, which JSON can't represent."""
    return value if math.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Curves:
    """Points of the evaluation curves.

    `roc`: (false positive rate, true positive rate), from (0, 0) to (1, 1).
    `precision_recall`: (recall, precision) by increasing recall. `calibration`: (mean probability, observed rate) of
    each of the bins of equal mass over which the ECE is the mean gap.
    """

    roc: Points
    precision_recall: Points
    calibration: Points

    def to_json(self) -> str:
        """Return the curves as JSON."""
        return json.dumps(asdict(self), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "Curves":
        """Read what `to_json` wrote. Raises KeyError or TypeError when it is invalid."""
        return cls.from_mapping(json.loads(text))

    @classmethod
    def from_mapping(cls, points: Mapping[str, Iterable[Sequence[float]]]) -> "Curves":
        """Return the curves from their points by field name."""
        return cls(**{curve.name: tuple((x, y) for x, y in points[curve.name]) for curve in fields(cls)})


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a challenger is promoted to production, with the metrics and the reasons for the decision.

    `rival`: version of the champion, the model in production; `figures`: metrics on the test split.
    `curves`: the challenger's on the test split; None when its probabilities are not finite.
    `gates`: the reason against promotion by gate, None where it was passed; empty in verdicts of older releases.
    `best`: the best earlier version, when it was compared with it besides the champion.
    `consultations`: verdicts on models of its target that had used the test patients so far, this one included.
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
    gates: dict[str, str | None] = field(default_factory=dict)
    best: str | None = None
    consultations: int = 1

    def to_json(self) -> str:
        """Return the verdict as JSON; a metric that is not finite is null."""
        return json.dumps(_map_metrics(asdict(self), finite_or_none), allow_nan=False)

    @property
    def outcome(self) -> str:
        """The outcome: promoted, provisional or refused."""
        return "provisional" if self.provisional else "promoted" if self.promoted else "refused"

    @classmethod
    def from_json(cls, text: str) -> "Verdict":
        """Read what `to_json` wrote."""
        document = _map_metrics(json.loads(text), lambda value: math.nan if value is None else value)
        change, curves = document.pop("roc_auc_change"), document.pop("curves")
        champion = document.pop("rival_roc_auc", None)
        return cls(
            **{**document, "reasons": tuple(document["reasons"]), "roc_auc": Interval(**document["roc_auc"])},
            rival_roc_auc=Interval(**champion) if champion else None,
            roc_auc_change=Interval(**change) if change else None,
            curves=Curves.from_mapping(curves) if curves else None,
        )


def _map_metrics(document: dict[str, Any], function: Callable[[Any], Any]) -> dict[str, Any]:
    """Apply a function to each number of a verdict's figures; its intervals may not be finite either."""
    names = ("figures", "rival_figures", "roc_auc", "rival_roc_auc", "roc_auc_change")
    mappings = {name: document[name] for name in names if isinstance(document.get(name), dict)}
    return document | {
        name: {key: function(value) for key, value in mapping.items()} for name, mapping in mappings.items()
    }
