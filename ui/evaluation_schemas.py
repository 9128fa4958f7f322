"""The evaluation of a version, as the page reads it from the inference API."""

from collections.abc import Mapping
from dataclasses import dataclass

from ui.schemas import Point


@dataclass(frozen=True, slots=True)
class MeasureView:
    """A figure with its 95 % interval; None: undefined."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class CalibrationBinView:
    """The mean risk of a bin of encounters, and the observed rate."""

    predicted: float
    observed: MeasureView


@dataclass(frozen=True, slots=True)
class CalibrationView:
    """The calibration of a version. `ece_by_chance`: the ECE of a perfectly calibrated model of the same risks."""

    bins: tuple[CalibrationBinView, ...]
    slope: MeasureView
    intercept: MeasureView
    observed_expected: MeasureView
    ece: float
    ece_by_chance: float


@dataclass(frozen=True, slots=True)
class OperatingPointView:
    """What the flags at the threshold are worth."""

    ppv: MeasureView
    sensitivity: MeasureView
    specificity: MeasureView
    alerts_per_100: MeasureView
    alerts_per_readmission: MeasureView


@dataclass(frozen=True, slots=True)
class DecisionPointView:
    """Net benefits at a threshold. `reference`: None when there is no reference regression."""

    threshold: float
    model: MeasureView
    everyone: float
    nobody: float
    stays: float
    reference: float | None


@dataclass(frozen=True, slots=True)
class SubgroupView:
    """The figures of the encounters with one of these values of a field."""

    field: str
    values: tuple[str, ...]
    encounters: int
    readmitted: int
    roc_auc: MeasureView
    observed_expected: MeasureView
    sensitivity: MeasureView
    ppv: MeasureView
    flagged: MeasureView


@dataclass(frozen=True, slots=True)
class ImportanceView:
    """The increase in log loss when a field is permuted."""

    increase: float
    standard_error: float


@dataclass(frozen=True, slots=True)
class EvaluationView:
    """The evaluation of a version on its test patients."""

    encounters: int
    patients: int
    readmitted: int
    threshold: float
    roc: tuple[Point, ...]
    precision_recall: tuple[Point, ...]
    calibration: CalibrationView
    operating_point: OperatingPointView
    decision_curve: tuple[DecisionPointView, ...]
    subgroups: tuple[SubgroupView, ...]
    importances: Mapping[str, ImportanceView]
