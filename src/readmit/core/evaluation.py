"""The evaluation of a version on its test split, as it is stored and displayed. Imports the standard library only."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from readmit.core.estimate import Estimate
from readmit.core.verdict import Points, finite_or_none


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure and the bounds of its 95 % confidence interval, each None where it is undefined."""

    value: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, estimate: Estimate) -> "Measure":
        """Return an estimate as it is stored."""
        return cls(*map(finite_or_none, (estimate.value, estimate.low, estimate.high)))


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """One of 20 bins of equal mass: the mean probability, and the observed rate with its interval."""

    predicted: float
    observed: Measure


@dataclass(frozen=True, slots=True)
class CalibrationFigures:
    """The calibration. `slope`, `intercept`: of the logistic recalibration, 1 and 0 for a calibrated model.

    `ece`: the expected calibration error; `ece_by_chance`: the mean ECE of a perfectly calibrated model with the same
    probabilities.
    """

    bins: tuple[CalibrationBin, ...]
    slope: Measure
    intercept: Measure
    observed_expected: Measure
    ece: float
    ece_by_chance: float


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """What flags at the version's threshold are worth.

    `alerts_per_100`: flagged of 100 encounters; `alerts_per_readmission`: flagged encounters for each readmission among
    them, the number needed to evaluate.
    """

    ppv: Measure
    sensitivity: Measure
    specificity: Measure
    alerts_per_100: Measure
    alerts_per_readmission: Measure


@dataclass(frozen=True, slots=True)
class DecisionPoint:
    """The net benefit per encounter at a threshold: of the model, and of flagging by simpler rules.

    `stays`: by the number of inpatient stays in the year before, at the cut-off that is best on these encounters.
    `reference`: by the reference regression; None where there is none.
    """

    threshold: float
    model: Measure
    everyone: float
    nobody: float
    stays: float
    reference: float | None


@dataclass(frozen=True, slots=True)
class Subgroup:
    """The figures of the encounters with one of these values of a field; groups with a small cell are merged."""

    field: str
    values: tuple[str, ...]
    encounters: int
    readmitted: int
    roc_auc: Measure
    observed_expected: Measure
    sensitivity: Measure
    ppv: Measure
    flagged: Measure


@dataclass(frozen=True, slots=True)
class Importance:
    """The increase in log loss when a field is permuted, with the standard error of its mean over the repeats."""

    increase: float
    standard_error: float


@dataclass(frozen=True, slots=True)
class VersionEvaluation:
    """The evaluation of a version. `comparable_roc_auc`: on batch 1 alone, the same encounters for every version.

    `roc`: (false positive rate, true positive rate); `precision_recall`: (recall, precision).
    `resamples`: bootstrap resamples of the patients that intervals are from. `importances`: by raw field, greatest
    first.
    """

    version: str
    candidate: str
    target: str
    threshold: float
    batch: int
    encounters: int
    patients: int
    readmitted: int
    resamples: int
    roc_auc: Measure
    pr_auc: Measure
    log_loss: Measure
    comparable_roc_auc: Measure | None
    roc: Points
    precision_recall: Points
    calibration: CalibrationFigures
    operating_point: OperatingPoint
    decision_curve: tuple[DecisionPoint, ...]
    subgroups: tuple[Subgroup, ...]
    importances: Mapping[str, Importance]

    def to_json(self) -> str:
        """Return the evaluation as JSON."""
        return json.dumps(asdict(self), allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> "VersionEvaluation":
        """Read what `to_json` wrote. Raises KeyError, TypeError or ValueError when it is invalid."""
        document = json.loads(text)
        comparable = document["comparable_roc_auc"]
        return cls(
            **document
            | {name: Measure(**document[name]) for name in ("roc_auc", "pr_auc", "log_loss")}
            | {name: tuple((x, y) for x, y in document[name]) for name in ("roc", "precision_recall")}
            | {
                "comparable_roc_auc": None if comparable is None else Measure(**comparable),
                "calibration": _calibration(document["calibration"]),
                "operating_point": OperatingPoint(**_measures(document["operating_point"])),
                "decision_curve": tuple(DecisionPoint(**_measures(point)) for point in document["decision_curve"]),
                "subgroups": tuple(_subgroup(group) for group in document["subgroups"]),
                "importances": {name: Importance(**item) for name, item in document["importances"].items()},
            }
        )


def _measures(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a mapping, those that are mappings themselves as measures."""
    return {name: Measure(**value) if isinstance(value, dict) else value for name, value in document.items()}


def _calibration(document: Mapping[str, Any]) -> CalibrationFigures:
    bins = tuple(CalibrationBin(**_measures(item)) for item in document["bins"])
    return CalibrationFigures(**{**_measures(document), "bins": bins})


def _subgroup(document: Mapping[str, Any]) -> Subgroup:
    return Subgroup(**{**_measures(document), "values": tuple(document["values"])})
