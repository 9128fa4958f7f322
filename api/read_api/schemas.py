"""The response bodies of the read routes, as serialized. Times are UTC."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct, field

Points = tuple[tuple[float, float], ...]


class ListPage(Struct, frozen=True, kw_only=True):
    """One page of a list of `total` items on `pages` pages."""

    total: int
    page: int
    pages: int


class StepRunItem(Struct, frozen=True):
    """A step of a run; its state is that of the last attempt. `seconds`: of all attempts, null while the first runs."""

    step: str
    state: str
    started_at: datetime
    seconds: float | None
    attempts: int
    error: str | None


class DayItem(Struct, frozen=True):
    """A run of one batch. `state`: running, done, failed or killed; `step`: the last step that began.

    `version`: the registered version; `outcome` and `reasons`: its verdict.
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
    """A batch. `rows`: `clean` + `quarantined` + `excluded` once cleaned. `state`: done, leased, set_aside or open."""

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
    """Batches, newest first."""

    items: list[BatchItem]


class QuarantineItem(Struct, frozen=True):
    """Encounters of one batch with the same fault. `first`: position of the first one."""

    batch: int
    field: str
    reason: str
    encounters: int
    first: int


class QuarantineList(ListPage, frozen=True, kw_only=True):
    """Faults by batch, newest first, and field, without patient data."""

    items: list[QuarantineItem]


class NoteItem(Struct, frozen=True):
    """When, by whom and why a version was promoted or rolled back."""

    at: datetime
    by: str
    why: str


class VersionItem(Struct, frozen=True, kw_only=True):
    """A model version. `figures`: metrics on the test split. `outcome`: promoted, provisional, refused; null: none yet.

    `consulted`: how many verdicts on versions of its target, up to its own, used the test patients; null: no verdict.
    Each uses those of the earlier ones again: figures by which versions are chosen tend to be optimistic.
    `placed`: its last promotion; `rolled_back`: the last rollback from it. `comparable_roc_auc`: on the test
    patients' encounters of batch 1, the same for every version of a target; null: not evaluated.
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
    consulted: int | None
    in_production: bool
    outcome: str | None
    reasons: list[str]
    decided_at: datetime | None
    placed: NoteItem | None
    rolled_back: NoteItem | None
    comparable_roc_auc: float | None


class VersionList(ListPage, frozen=True, kw_only=True):
    """Every registered version, newest first."""

    items: list[VersionItem]


class IntervalItem(Struct, frozen=True):
    """A 95 % confidence interval."""

    low: float
    high: float


class CurvesItem(Struct, frozen=True):
    """Curves as (x, y): `roc`: false and true positive rate; `precision_recall`; `calibration`: predicted, observed."""

    roc: Points
    precision_recall: Points
    calibration: Points


class CandidateItem(Struct, frozen=True):
    """A candidate model. `figures`: metrics on the validation split; null: not a number."""

    name: str
    chosen: bool
    run_id: str | None
    figures: Mapping[str, float | None]


class VersionDetail(VersionItem, frozen=True, kw_only=True):
    """A model version with its comparison to the champion (`rival`) on the same test patients, and its candidates.

    `gates`: the reason against promotion by gate, null where it was passed. `best`: the best earlier version, if it was
    compared with it, too.
    """

    rival: str | None = None
    gates: Mapping[str, str | None] = field(default_factory=dict)
    best: str | None = None
    rival_figures: Mapping[str, float] = field(default_factory=dict)
    intervals: Mapping[str, IntervalItem] = field(default_factory=dict)
    rival_roc_auc: IntervalItem | None = None
    roc_auc_change: IntervalItem | None = None
    curves: CurvesItem | None = None
    candidates: list[CandidateItem] = field(default_factory=list)


class EstimateItem(Struct, frozen=True):
    """A figure with its 95 % interval, by resamples of the patients; null where it is undefined."""

    value: float | None
    low: float | None
    high: float | None


class ProspectiveItem(Struct, frozen=True):
    """The version in production on a batch, evaluated before anything was learned from the batch.

    `trained_on`: the last batch that the version had learned from. `events`: encounters followed by a readmission;
    `precision`: the PPV; `recall`: the sensitivity, both at `threshold`.
    """

    batch: int
    version: str
    target: str
    trained_on: int
    threshold: float
    encounters: int
    patients: int
    events: int
    figures: Mapping[str, EstimateItem]
    evaluated_at: datetime


class ProspectiveList(ListPage, frozen=True, kw_only=True):
    """Evaluations on later batches, newest first."""

    items: list[ProspectiveItem]


class CountItem(Struct, frozen=True):
    """The encounters with one of these values of a field. `rate`: the share that was readmitted."""

    field: str
    values: tuple[str, ...]
    encounters: int
    readmitted: int
    rate: float


class StatisticsResponse(ListPage, frozen=True, kw_only=True):
    """Counts by field. Groups are merged so that no cell of 1 to `smallest` - 1 is shown or can be derived."""

    items: list[CountItem]
    target: str
    smallest: int


class ServiceItem(Struct, frozen=True):
    """A service. `state`: up or down; `page`: the address of its web page."""

    name: str
    state: str
    milliseconds: float | None
    error: str | None
    page: str | None


class ServiceList(ListPage, frozen=True, kw_only=True):
    """Services in the configured order; the database is last."""

    items: list[ServiceItem]
