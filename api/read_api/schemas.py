"""What the reading routes answer, as it stands on the wire. Times are UTC."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct, field

Points = tuple[tuple[float, float], ...]


class ListPage(Struct, frozen=True, kw_only=True):
    """One page of a list: `total` items stand on `pages` pages, of which this is `page`."""

    total: int
    page: int
    pages: int


class StepRunItem(Struct, frozen=True):
    """A step of one run, as its last attempt went. `seconds`: of all its attempts, null while the first one runs."""

    step: str
    state: str
    started_at: datetime
    seconds: float | None
    attempts: int
    error: str | None


class DayItem(Struct, frozen=True):
    """What one run did with one batch. `state`: running, done, failed, or killed. `step`: the last that it began.

    `version` and `outcome`: what it registered, and the verdict on that, with its reasons.
    """

    run_id: str
    batch: int
    state: str
    step: str
    started_at: datetime
    seconds: float
    error: str | None
    version: str | None
    outcome: str | None
    reasons: list[str]
    steps: list[StepRunItem]


class DayList(ListPage, frozen=True, kw_only=True):
    """Runs of batches, newest first."""

    items: list[DayItem]


class BatchItem(Struct, frozen=True):
    """`rows` = `clean` + `quarantined` + `excluded`, once it is sorted. `state`: done, leased, or open."""

    batch: int
    rows: int | None
    clean: int | None
    quarantined: int | None
    excluded: int | None
    sha256: str | None
    done_at: datetime | None
    version: str | None
    state: str


class BatchList(ListPage, frozen=True, kw_only=True):
    """The ledger, newest batch first."""

    items: list[BatchItem]


class QuarantineItem(Struct, frozen=True):
    """Encounters of one batch with the same fault. `first`: position of the first of them."""

    batch: int
    field: str
    reason: str
    encounters: int
    first: int


class QuarantineList(ListPage, frozen=True, kw_only=True):
    """Faults by batch, newest first, and field. No value of a patient stands in it."""

    items: list[QuarantineItem]


class NoteItem(Struct, frozen=True):
    at: datetime
    by: str
    why: str


class VersionItem(Struct, frozen=True, kw_only=True):
    """`figures`: on the test split. `outcome`: promoted, provisional or refused; null: not judged yet.

    `placed`: when it went into production last; `rolled_back`: when a person rolled back from it last.
    """

    version: str
    candidate: str
    target: str
    threshold: float
    batch: int
    snapshot: str
    code: str
    run_id: str
    figures: Mapping[str, float]
    in_production: bool
    outcome: str | None
    reasons: list[str]
    decided_at: datetime | None
    placed: NoteItem | None
    rolled_back: NoteItem | None


class VersionList(ListPage, frozen=True, kw_only=True):
    """Every registered version, newest first."""

    items: list[VersionItem]


class IntervalItem(Struct, frozen=True):
    """The middle 95 %."""

    low: float
    high: float


class CurvesItem(Struct, frozen=True):
    """`roc`: false and true positive rates; `precision_recall`: recall, precision; `calibration`: said, observed."""

    roc: Points
    precision_recall: Points
    calibration: Points


class CandidateItem(Struct, frozen=True):
    """`figures`: on the validation split; null where one is no number."""

    name: str
    chosen: bool
    run_id: str | None
    figures: Mapping[str, float | None]


class VersionDetail(VersionItem, frozen=True, kw_only=True):
    """Also how it was judged, against which rival, on the same test patients; and among which candidates it won."""

    rival: str | None = None
    rival_figures: Mapping[str, float] = field(default_factory=dict)
    intervals: Mapping[str, IntervalItem] = field(default_factory=dict)
    rival_roc_auc: IntervalItem | None = None
    roc_auc_change: IntervalItem | None = None
    curves: CurvesItem | None = None
    candidates: list[CandidateItem] = field(default_factory=list)


class CountItem(Struct, frozen=True):
    """The encounters with one of these values of a field. `rate`: the share of them that were readmitted."""

    field: str
    values: tuple[str, ...]
    encounters: int
    readmitted: int
    rate: float


class StatisticsResponse(ListPage, frozen=True, kw_only=True):
    """Counts, never rows. No cell of 1 to `smallest` - 1 is shown or can be derived: such groups stand together."""

    items: list[CountItem]
    target: str
    smallest: int


class ServiceItem(Struct, frozen=True):
    """`state`: up or down. `page`: where a person looks at it."""

    name: str
    state: str
    milliseconds: float | None
    error: str | None
    page: str | None


class ServiceList(ListPage, frozen=True, kw_only=True):
    items: list[ServiceItem]
