"""What the API and the data API answer, as far as the page reads it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

T = TypeVar("T")
Point = tuple[float, float]
Figures = Mapping[str, float | None]
"""By name; null: it is no number."""


@dataclass(frozen=True, slots=True)
class ItemList(Generic[T]):
    """One page of a list: `pages` in all, this one `page`."""

    items: tuple[T, ...]
    total: int
    page: int
    pages: int


@dataclass(frozen=True, slots=True)
class HealthView:
    model_loaded: bool
    model_version: str | None
    reload_failure: str | None


@dataclass(frozen=True, slots=True)
class ModelView:
    """The version served. `figures`: its metrics on the test split."""

    version: str
    candidate: str
    target: str
    threshold: float
    batch: int
    run_id: str
    figures: Figures
    loaded_at: datetime


@dataclass(frozen=True, slots=True)
class ContributionView:
    field: str
    value: str | int | None
    contribution: float


@dataclass(frozen=True, slots=True)
class ExplanationView:
    """`base` and all contributions make up `score`, on its scale."""

    scale: str
    base: float
    score: float
    contributions: tuple[ContributionView, ...]


@dataclass(frozen=True, slots=True)
class PredictionView:
    prediction: int
    probability: float
    threshold: float
    request_id: str
    model_version: str
    warnings: tuple[str, ...]
    explanation: ExplanationView


@dataclass(frozen=True, slots=True)
class FieldErrorView:
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class ErrorDetailView:
    message: str
    fields: tuple[FieldErrorView, ...] = ()


@dataclass(frozen=True, slots=True)
class ErrorView:
    error: ErrorDetailView


@dataclass(frozen=True, slots=True)
class StepRunView:
    step: str
    state: str
    started_at: datetime
    seconds: float | None
    attempts: int
    error: str | None


@dataclass(frozen=True, slots=True)
class DayView:
    """One run of a batch. `outcome`: of the verdict on its version."""

    run_id: str
    batch: int | None
    state: str
    step: str
    started_at: datetime
    seconds: float
    error: str | None
    version: str | None
    outcome: str | None
    reasons: tuple[str, ...]
    steps: tuple[StepRunView, ...]


@dataclass(frozen=True, slots=True)
class BatchView:
    batch: int
    rows: int | None
    clean: int | None
    quarantined: int | None
    excluded: int | None
    done_at: datetime | None
    version: str | None
    state: str


@dataclass(frozen=True, slots=True)
class QuarantinedView:
    """Encounters of one batch with the same fault. `first`: position of the first of them."""

    batch: int
    field: str
    reason: str
    encounters: int
    first: int


@dataclass(frozen=True, slots=True)
class NoteView:
    at: datetime
    by: str
    why: str


@dataclass(frozen=True, slots=True)
class VersionView:
    """A registered version, and the verdict on it."""

    version: str
    candidate: str
    target: str
    threshold: float
    batch: int
    snapshot: str
    code: str
    run_id: str
    figures: Figures
    in_production: bool
    outcome: str | None
    reasons: tuple[str, ...]
    decided_at: datetime | None
    placed: NoteView | None
    rolled_back: NoteView | None


@dataclass(frozen=True, slots=True)
class IntervalView:
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class CurvesView:
    roc: tuple[Point, ...]
    precision_recall: tuple[Point, ...]
    calibration: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class CandidateView:
    """`figures`: on validation."""

    name: str
    chosen: bool
    run_id: str | None
    figures: Figures


@dataclass(frozen=True, slots=True)
class VersionDetailView(VersionView):
    rival: str | None = None
    rival_figures: Figures = field(default_factory=dict)
    intervals: Mapping[str, IntervalView] = field(default_factory=dict)
    rival_roc_auc: IntervalView | None = None
    roc_auc_change: IntervalView | None = None
    curves: CurvesView | None = None
    candidates: tuple[CandidateView, ...] = ()


@dataclass(frozen=True, slots=True)
class CountView:
    """The encounters with one of these values of a field."""

    field: str
    values: tuple[str, ...]
    encounters: int
    readmitted: int
    rate: float


@dataclass(frozen=True, slots=True)
class StatisticsView:
    """`smallest`: no group of fewer encounters is shown."""

    items: tuple[CountView, ...]
    target: str
    smallest: int


@dataclass(frozen=True, slots=True)
class ServiceView:
    """`page`: its address for a browser."""

    name: str
    state: str
    milliseconds: float | None
    error: str | None
    page: str | None


@dataclass(frozen=True, slots=True)
class RollbackView:
    version: str
    before: str
    served: bool


@dataclass(frozen=True, slots=True)
class ReloadView:
    version: str | None
    reloaded: bool


@dataclass(frozen=True, slots=True)
class SourceBatchView:
    """A batch of the data API. `released`: it can be had."""

    number: int
    rows: int
    released: bool
