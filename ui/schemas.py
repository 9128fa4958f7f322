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
class Listed(Generic[T]):
    """One page of a list: `pages` in all, this one `page`."""

    items: tuple[T, ...]
    total: int
    page: int
    pages: int


@dataclass(frozen=True, slots=True)
class Health:
    model_loaded: bool
    model_version: str | None
    reload_failure: str | None


@dataclass(frozen=True, slots=True)
class Model:
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
class Contribution:
    field: str
    value: str | int | None
    contribution: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """`base` and all contributions make up `score`, on its scale."""

    scale: str
    base: float
    score: float
    contributions: tuple[Contribution, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    prediction: int
    probability: float
    threshold: float
    request_id: str
    model_version: str
    warnings: tuple[str, ...]
    explanation: Explanation


@dataclass(frozen=True, slots=True)
class FieldFault:
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class ErrorText:
    message: str
    fields: tuple[FieldFault, ...] = ()


@dataclass(frozen=True, slots=True)
class Error:
    error: ErrorText


@dataclass(frozen=True, slots=True)
class StepRun:
    step: str
    state: str
    started_at: datetime
    seconds: float | None
    attempts: int
    error: str | None


@dataclass(frozen=True, slots=True)
class Day:
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
    steps: tuple[StepRun, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    batch: int
    rows: int | None
    clean: int | None
    quarantined: int | None
    excluded: int | None
    done_at: datetime | None
    version: str | None
    state: str


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Encounters of one batch with the same fault. `first`: position of the first of them."""

    batch: int
    field: str
    reason: str
    encounters: int
    first: int


@dataclass(frozen=True, slots=True)
class Note:
    at: datetime
    by: str
    why: str


@dataclass(frozen=True, slots=True)
class Version:
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
    placed: Note | None
    rolled_back: Note | None


@dataclass(frozen=True, slots=True)
class Interval:
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Curves:
    roc: tuple[Point, ...]
    precision_recall: tuple[Point, ...]
    calibration: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """`figures`: on validation."""

    name: str
    chosen: bool
    run_id: str | None
    figures: Figures


@dataclass(frozen=True, slots=True)
class VersionInFull(Version):
    rival: str | None = None
    rival_figures: Figures = field(default_factory=dict)
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    rival_roc_auc: Interval | None = None
    roc_auc_change: Interval | None = None
    curves: Curves | None = None
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class Counted:
    """The encounters with one of these values of a field."""

    field: str
    values: tuple[str, ...]
    encounters: int
    readmitted: int
    rate: float


@dataclass(frozen=True, slots=True)
class Statistics:
    """`smallest`: no group of fewer encounters is shown."""

    items: tuple[Counted, ...]
    target: str
    smallest: int


@dataclass(frozen=True, slots=True)
class Service:
    """`page`: its address for a browser."""

    name: str
    state: str
    milliseconds: float | None
    error: str | None
    page: str | None


@dataclass(frozen=True, slots=True)
class RolledBack:
    version: str
    before: str
    served: bool


@dataclass(frozen=True, slots=True)
class Reloaded:
    version: str | None
    reloaded: bool


@dataclass(frozen=True, slots=True)
class SourceBatch:
    """A batch of the data API. `released`: it can be had."""

    number: int
    rows: int
    released: bool
