"""The responses of the inference API and the data API: the fields that the page reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

T = TypeVar("T")
Point = tuple[float, float]
Figures = Mapping[str, float | None]
"""Metrics by name; None: undefined."""


@dataclass(frozen=True, slots=True)
class ItemList(Generic[T]):
    """Page number `page` of a list of `pages` pages and `total` items."""

    items: tuple[T, ...]
    total: int
    page: int
    pages: int


@dataclass(frozen=True, slots=True)
class HealthView:
    """The health of the API. `reload_failure`: why the latest version could not be loaded."""

    model_loaded: bool
    model_version: str | None
    reload_failure: str | None


@dataclass(frozen=True, slots=True)
class ModelView:
    """The served version. `figures`: its metrics on the test split."""

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
    """The contribution of one field to the score."""

    field: str
    value: str | int | None
    contribution: float


@dataclass(frozen=True, slots=True)
class ExplanationView:
    """The contributions to a prediction: `base` plus all of them equals `score`, on `scale`."""

    scale: str
    base: float
    score: float
    contributions: tuple[ContributionView, ...]


@dataclass(frozen=True, slots=True)
class PredictionView:
    """The prediction for one encounter."""

    prediction: int
    probability: float
    threshold: float
    request_id: str
    model_version: str
    warnings: tuple[str, ...]
    explanation: ExplanationView


@dataclass(frozen=True, slots=True)
class FieldErrorView:
    """The error of one field."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class ErrorDetailView:
    """The message of an error response, with its field errors."""

    message: str
    fields: tuple[FieldErrorView, ...] = ()


@dataclass(frozen=True, slots=True)
class ErrorView:
    """The body of an error response."""

    error: ErrorDetailView


@dataclass(frozen=True, slots=True)
class StepRunView:
    """One run of a step."""

    step: str
    state: str
    started_at: datetime
    seconds: float | None
    attempts: int
    error: str | None


@dataclass(frozen=True, slots=True)
class DayView:
    """One run of a batch. `outcome`: the verdict on its version."""

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
    """A batch and its row counts."""

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
    """The encounters of a batch quarantined for the same reason. `first`: row number of the first of them."""

    batch: int
    field: str
    reason: str
    encounters: int
    first: int


@dataclass(frozen=True, slots=True)
class NoteView:
    """Who changed the production model, when and why."""

    at: datetime
    by: str
    why: str


@dataclass(frozen=True, slots=True)
class VersionView:
    """A registered version and its verdict. `consulted`: verdicts up to its own that used the test patients.

    `placed`: its promotion. `comparable_roc_auc`: on the test patients' stays of batch 1.
    """

    version: str
    candidate: str
    target: str
    threshold: float
    batch: int
    snapshot: str
    code: str
    run_id: str
    figures: Figures
    consulted: int | None
    in_production: bool
    outcome: str | None
    reasons: tuple[str, ...]
    decided_at: datetime | None
    placed: NoteView | None
    rolled_back: NoteView | None
    comparable_roc_auc: float | None


@dataclass(frozen=True, slots=True)
class IntervalView:
    """A confidence interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class CurvesView:
    """The curves on the test split, as points (x, y)."""

    roc: tuple[Point, ...]
    precision_recall: tuple[Point, ...]
    calibration: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class CandidateView:
    """A candidate model. `figures`: its metrics on the validation split."""

    name: str
    chosen: bool
    run_id: str | None
    figures: Figures


@dataclass(frozen=True, slots=True)
class VersionDetailView(VersionView):
    """A version with its evaluation. `rival`: the production version it was compared with."""

    rival: str | None = None
    rival_figures: Figures = field(default_factory=dict)
    intervals: Mapping[str, IntervalView] = field(default_factory=dict)
    rival_roc_auc: IntervalView | None = None
    roc_auc_change: IntervalView | None = None
    curves: CurvesView | None = None
    candidates: tuple[CandidateView, ...] = ()


@dataclass(frozen=True, slots=True)
class CountView:
    """The encounters whose field has one of `values`. `rate`: share readmitted, 0 to 1."""

    field: str
    values: tuple[str, ...]
    encounters: int
    readmitted: int
    rate: float


@dataclass(frozen=True, slots=True)
class StatisticsView:
    """The readmission counts. `smallest`: the minimum number of encounters of a group."""

    items: tuple[CountView, ...]
    target: str
    smallest: int


@dataclass(frozen=True, slots=True)
class ServiceView:
    """The state of a service. `page`: its address for a browser."""

    name: str
    state: str
    milliseconds: float | None
    error: str | None
    page: str | None


@dataclass(frozen=True, slots=True)
class RollbackView:
    """The result of a rollback. `before`: the version that was in production."""

    version: str
    before: str
    served: bool


@dataclass(frozen=True, slots=True)
class ReloadView:
    """The result of a reload. `reloaded`: whether another version was loaded."""

    version: str | None
    reloaded: bool


@dataclass(frozen=True, slots=True)
class SourceBatchView:
    """A batch of the data API. `released`: whether it can be downloaded."""

    number: int
    rows: int
    released: bool
