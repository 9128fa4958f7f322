"""The metrics that steps push to a Pushgateway, because a step ends before Prometheus could scrape it.

Their names, labels and help texts stand here alone. The unit is part of the name, as is usual in Prometheus.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from readmit.core.prospective import ProspectiveEvaluation
from readmit.core.verdict import Interval, Verdict

JOB = "flows"
"""The label `job` of everything that is pushed."""


@dataclass(frozen=True, slots=True)
class PushedGauge:
    """A gauge. `labels`: those of its samples; the labels of its group come on top."""

    name: str
    description: str
    labels: tuple[str, ...] = ()


Samples = dict[PushedGauge, dict[tuple[str, ...], float]]
"""Values by gauge and by the values of its labels."""


@dataclass(frozen=True, slots=True)
class PushedGroup:
    """Samples that are pushed together. `labels`: the grouping key, which every sample gets as labels.

    `replaces_all`: gauges that are missing from `samples` vanish; otherwise they keep their last values.
    """

    labels: Mapping[str, str]
    samples: Samples
    replaces_all: bool


STEP_SECONDS = PushedGauge("readmit_step_seconds", "Duration of the last successful attempt at the step.")
STEP_PEAK_MEMORY = PushedGauge(
    "readmit_step_peak_memory_bytes", "Peak resident memory of the process during the last attempt at the step."
)
STEP_MEMORY_LIMIT = PushedGauge(
    "readmit_step_memory_limit_bytes", "Memory limit of the step's control group; absent if there is none."
)
STEP_SUCCEEDED = PushedGauge(
    "readmit_step_succeeded_timestamp_seconds", "When the step last succeeded; absent before the first time."
)
STEP_FAILED = PushedGauge(
    "readmit_step_failed_timestamp_seconds", "When an attempt at the step last failed; absent before the first time."
)
STEP_GAUGES = (STEP_SECONDS, STEP_PEAK_MEMORY, STEP_MEMORY_LIMIT, STEP_SUCCEEDED, STEP_FAILED)

DAY_BATCH = PushedGauge("readmit_day_batch", "Batch of the most recent attempt; the metrics of the day refer to it.")
DAY_ROWS = PushedGauge("readmit_day_rows", "Encounters of the day's batch by stage.", ("stage",))
DAY_QUARANTINED = PushedGauge(
    "readmit_day_quarantined",
    "Quarantined encounters of the day's batch by invalid field; one with several such fields counts for each.",
    ("field",),
)
DAY_FINISHED = PushedGauge(
    "readmit_day_finished_timestamp_seconds", "When a day last ended successfully, even one without a new batch."
)
DAY_OUTCOME = PushedGauge(
    "readmit_day_outcome",
    "1 for the outcome of the day's batch, 0 for the others; all 0 until it is known.",
    ("outcome",),
)
GATE_PASSED = PushedGauge(
    "readmit_day_gate_passed",
    "1 for each promotion gate that the model evaluated last passed, 0 for the others that applied.",
    ("gate",),
)
CANDIDATE_METRIC = PushedGauge(
    "readmit_candidate_metric",
    "Metrics of each candidate on the validation patients at the last training.",
    ("candidate", "metric"),
)
MODEL_METRIC = PushedGauge(
    "readmit_model_metric",
    "Metrics of the model evaluated last on the test patients: value, and bounds of the 95 % interval.",
    ("metric", "bound"),
)
CHAMPION_METRIC = PushedGauge(
    "readmit_champion_metric",
    "Metrics of the champion that this model was compared with, on the same patients; absent if there was none.",
    ("metric", "bound"),
)
PROSPECTIVE_METRIC = PushedGauge(
    "readmit_prospective_metric",
    "Metrics of production on the newest batch, before learning from it: value, and bounds of the 95 % interval.",
    ("metric", "bound"),
)
PROSPECTIVE_BATCH = PushedGauge(
    "readmit_prospective_batch", "The batch that the prospective metrics are of; absent before the first."
)
EVALUATED_VERSION = PushedGauge("readmit_evaluated_version", "Version of the model evaluated last.")
PRODUCTION_VERSION = PushedGauge(
    "readmit_production_version",
    "Version in production when the last day with training ended; absent before the first.",
)
BATCHES_RELEASED = PushedGauge("readmit_batches_released", "Batches that the source had released when last checked.")
BATCHES_EXPECTED = PushedGauge(
    "readmit_batches_expected", "Batches in the source, released or not, when it was last checked."
)
BATCHES_DONE = PushedGauge("readmit_batches_done", "Batches done so far.")
BATCHES_SET_ASIDE = PushedGauge("readmit_batches_set_aside", "Batches that an operator has set aside.")
BATCHES_BACKLOG = PushedGauge("readmit_batches_backlog", "Batches released, and neither done nor set aside.")
BATCH_DONE = PushedGauge("readmit_batch_done_timestamp_seconds", "When the last batch was done for the first time.")
SOURCE_STATE = PushedGauge(
    "readmit_source_state",
    "1 for the state in which the source was found last, 0 for the others; all 0 before the first day.",
    ("state",),
)
DAY_GAUGES = (
    *(DAY_BATCH, DAY_ROWS, DAY_QUARANTINED, DAY_FINISHED, DAY_OUTCOME, GATE_PASSED, CANDIDATE_METRIC, MODEL_METRIC),
    *(CHAMPION_METRIC, PROSPECTIVE_METRIC, PROSPECTIVE_BATCH, EVALUATED_VERSION, PRODUCTION_VERSION),
    *(BATCHES_RELEASED, BATCHES_EXPECTED, BATCHES_DONE, BATCHES_SET_ASIDE, BATCHES_BACKLOG, BATCH_DONE, SOURCE_STATE),
)

RUN_FAILED = PushedGauge(
    "readmit_run_failed_timestamp_seconds",
    "When a run in Prefect last failed or crashed; absent before the first time.",
)
RUN_FAILED_LABELS = {"run": "failed"}
"""The group that Prefect's server pushes when a run fails, because a run that was killed pushes nothing."""

ALL_NAMES = frozenset(gauge.name for gauge in (*STEP_GAUGES, *DAY_GAUGES, RUN_FAILED))

OUTCOMES = ("promoted", "provisional", "refused", "not_trained")
SOURCE_RUNNING, SOURCE_STARTED, SOURCE_STOPPED, SOURCE_UNAVAILABLE = SOURCE_STATES = (
    *("running", "started", "stopped", "unavailable"),
)
"""Started: its EC2 instance, by the day; stopped: the instance, outside its hours, so that there was no day."""
CANDIDATE_METRICS = (
    *("roc_auc", "roc_auc_low", "roc_auc_high", "pr_auc", "log_loss", "brier", "ece", "observed_expected"),
    "fit_seconds",
)
"""The metrics of a candidate that are pushed; MLflow has all."""
SAME_FOR_BOTH = "base_rate"
"""The metric that is the champion's, too, because it depends on the test patients alone."""


@dataclass(frozen=True, slots=True)
class StepMetrics:
    """The metrics of an attempt at a step. `ended_at`: seconds since 1970; `memory_limit`: None if there is none."""

    step: str
    succeeded: bool
    seconds: float
    peak_memory: int
    memory_limit: int | None
    ended_at: float


@dataclass(frozen=True, slots=True)
class DayMetrics:
    """The metrics of the day as of the most recent attempt, None where the ledger has no value yet.

    `rows` by stage, `quarantined` by field, `gates` and `candidates` by name. `outcome`: one of OUTCOMES.
    `finished_at` and `batch_done_at`: seconds since 1970. `verdict`: on the version evaluated last.
    `prospective`: the evaluation on the newest batch that has one. `released`, `expected`, `done` and `set_aside`:
    numbers of batches. `source_state`: one of SOURCE_STATES.
    """

    batch: int | None
    rows: Mapping[str, int]
    quarantined: Mapping[str, int]
    outcome: str | None
    gates: Mapping[str, bool]
    candidates: Mapping[str, Mapping[str, float]]
    verdict: Verdict | None
    prospective: ProspectiveEvaluation | None
    production: int | None
    released: int | None
    expected: int | None
    done: int
    set_aside: int
    source_state: str | None
    finished_at: float | None
    batch_done_at: float | None


def step_group(step: StepMetrics) -> PushedGroup:
    """Return the group of a step. A failed attempt leaves the seconds of the last successful one as they are."""
    ended = STEP_SUCCEEDED if step.succeeded else STEP_FAILED
    values = {
        STEP_SECONDS: step.seconds if step.succeeded else None,
        STEP_PEAK_MEMORY: step.peak_memory,
        STEP_MEMORY_LIMIT: step.memory_limit,
        ended: step.ended_at,
    }
    return PushedGroup({"step": step.step}, _without_labels(values), replaces_all=False)


def day_group(day: DayMetrics) -> PushedGroup:
    """Return the group of the day."""
    values = {
        DAY_BATCH: day.batch,
        DAY_FINISHED: day.finished_at,
        EVALUATED_VERSION: None if day.verdict is None else int(day.verdict.version),
        PROSPECTIVE_BATCH: None if day.prospective is None else day.prospective.model.batch,
        PRODUCTION_VERSION: day.production,
        BATCHES_RELEASED: day.released,
        BATCHES_EXPECTED: day.expected,
        BATCHES_DONE: day.done,
        BATCHES_SET_ASIDE: day.set_aside,
        BATCHES_BACKLOG: None if day.released is None else day.released - day.done - day.set_aside,
        BATCH_DONE: day.batch_done_at,
    }
    labelled: Samples = {
        DAY_ROWS: {(stage,): rows for stage, rows in day.rows.items()},
        DAY_QUARANTINED: {(field,): encounters for field, encounters in day.quarantined.items()},
        DAY_OUTCOME: {(outcome,): outcome == day.outcome for outcome in OUTCOMES},
        SOURCE_STATE: {(state,): state == day.source_state for state in SOURCE_STATES},
        GATE_PASSED: {(gate,): passed for gate, passed in day.gates.items()},
        CANDIDATE_METRIC: {
            (candidate, name): metrics[name]
            for candidate, metrics in day.candidates.items()
            for name in CANDIDATE_METRICS
            if name in metrics
        },
        **_evaluation(day.verdict),
        PROSPECTIVE_METRIC: {} if day.prospective is None else _estimates(day.prospective),
    }
    return PushedGroup({}, _without_labels(values) | labelled, replaces_all=True)


def _evaluation(verdict: Verdict | None) -> Samples:
    if verdict is None:
        return {}
    champion = {name: value for name, value in verdict.rival_figures.items() if name != SAME_FOR_BOTH}
    return {
        MODEL_METRIC: _with_bounds(verdict.figures, verdict.roc_auc),
        CHAMPION_METRIC: _with_bounds(champion, verdict.rival_roc_auc),
    }


def _with_bounds(metrics: Mapping[str, float], roc_auc: Interval | None) -> dict[tuple[str, ...], float]:
    values: dict[tuple[str, ...], float] = {(name, "value"): value for name, value in metrics.items()}
    if roc_auc is not None:
        values |= {("roc_auc", "low"): roc_auc.low, ("roc_auc", "high"): roc_auc.high}
    return values


def _estimates(evaluation: ProspectiveEvaluation) -> dict[tuple[str, ...], float]:
    return {
        (name, bound): value
        for name, estimate in evaluation.estimates().items()
        for bound, value in (("value", estimate.value), ("low", estimate.low), ("high", estimate.high))
    }


def _without_labels(values: Mapping[PushedGauge, float | None]) -> Samples:
    return {gauge: {(): value} for gauge, value in values.items() if value is not None}
