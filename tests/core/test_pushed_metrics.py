import re
from dataclasses import replace

from readmit.core.encounter import COLUMNS
from readmit.core.metrics import bootstrap_intervals, classification_metrics
from readmit.core.model import CANDIDATES
from readmit.core.pushed_metrics import (
    ALL_NAMES,
    BATCHES_BACKLOG,
    CANDIDATE_METRIC,
    CANDIDATE_METRICS,
    CHAMPION_METRIC,
    DAY_GAUGES,
    DAY_OUTCOME,
    DAY_QUARANTINED,
    MODEL_METRIC,
    OUTCOMES,
    SOURCE_STATE,
    SOURCE_STATES,
    STEP_GAUGES,
    DayMetrics,
    PushedGroup,
    StepMetrics,
    day_group,
    step_group,
)
from readmit.io.database.ledger import ROW_STAGES
from readmit.pipeline import STEPS
from tests.made_predictions import GOOD, LABELS, MEDIOCRE, PATIENTS, verdict

MAX_SERIES = 250
VERDICT = verdict(GOOD, MEDIOCRE, best=GOOD / 2)
CANDIDATE = {
    **classification_metrics(LABELS, GOOD, 0.5),
    **{f"{name}_{end}": 0.1 for name in bootstrap_intervals(LABELS, GOOD, PATIENTS, 1) for end in ("low", "high")},
    "fit_seconds": 3.0,
}
WORST_DAY = DayMetrics(
    batch=3,
    rows=dict.fromkeys(ROW_STAGES, 15_000),
    quarantined=dict.fromkeys(COLUMNS, 300),
    outcome="promoted",
    gates={gate: reason is None for gate, reason in VERDICT.gates.items()},
    candidates={candidate.name: CANDIDATE for candidate in CANDIDATES},
    verdict=VERDICT,
    production=2,
    released=5,
    expected=7,
    done=3,
    set_aside=1,
    source_state="running",
    finished_at=1_795_750_000.5,
    batch_done_at=1_795_750_000.5,
)
"""The largest day: every field in quarantine, every candidate, a champion."""
FAILED = StepMetrics("train", succeeded=False, seconds=5, peak_memory=10**8, memory_limit=10**9, ended_at=1e9)


def series_of(group: PushedGroup) -> int:
    return sum(len(values) for values in group.samples.values())


def test_the_largest_day_has_at_most_250_series() -> None:
    ends = [[step_group(replace(FAILED, step=step.name, succeeded=done)) for done in (True, False)] for step in STEPS]
    steps = {(group.labels["step"], gauge) for both in ends for group in both for gauge in group.samples}
    assert len(steps) == len(STEPS) * len(STEP_GAUGES)
    day = day_group(WORST_DAY)
    assert day.samples.keys() == set(DAY_GAUGES)
    failed_runs = 1
    assert len(steps) + series_of(day) + failed_runs <= MAX_SERIES


def test_a_group_has_as_many_label_values_as_labels() -> None:
    for gauge, values in day_group(WORST_DAY).samples.items():
        assert {len(labels) for labels in values} == {len(gauge.labels)}, gauge.name


def test_the_names_follow_the_conventions_of_prometheus() -> None:
    assert [name for name in ALL_NAMES if not re.fullmatch(r"readmit_[a-z]+(_[a-z]+)*", name)] == []
    assert [name for name in ALL_NAMES if name.endswith(("_total", "_count", "_sum", "_bucket"))] == []
    assert len(ALL_NAMES) == len(STEP_GAUGES) + len(DAY_GAUGES) + 1


def test_every_metric_of_a_candidate_that_is_pushed_is_one_that_train_reports() -> None:
    assert set(CANDIDATE_METRICS) <= set(CANDIDATE)
    values = day_group(WORST_DAY).samples[CANDIDATE_METRIC]
    assert values[("lightgbm", "roc_auc")] == CANDIDATE["roc_auc"]
    assert {candidate for candidate, _ in values} == {candidate.name for candidate in CANDIDATES}


def test_the_model_and_the_champion_have_their_values_and_the_bounds_of_the_roc_auc() -> None:
    samples = day_group(WORST_DAY).samples
    model, champion = samples[MODEL_METRIC], samples[CHAMPION_METRIC]
    assert VERDICT.rival_roc_auc is not None
    assert {name for name, bound in model if bound == "value"} == set(VERDICT.figures)
    assert (model[("roc_auc", "low")], model[("roc_auc", "high")]) == (VERDICT.roc_auc.low, VERDICT.roc_auc.high)
    assert champion[("log_loss", "value")] == VERDICT.rival_figures["log_loss"]
    assert champion[("roc_auc", "low")] == VERDICT.rival_roc_auc.low
    first = day_group(replace(WORST_DAY, verdict=verdict(GOOD)))
    assert first.samples[CHAMPION_METRIC] == {}


def test_one_outcome_is_1_and_none_while_it_is_not_known() -> None:
    assert day_group(WORST_DAY).samples[DAY_OUTCOME] == {(name,): name == "promoted" for name in OUTCOMES}
    unknown = day_group(replace(WORST_DAY, outcome=None)).samples[DAY_OUTCOME]
    assert set(unknown.values()) == {False}


def test_one_state_of_the_source_is_1_and_none_before_the_first_day() -> None:
    assert day_group(WORST_DAY).samples[SOURCE_STATE] == {(name,): name == "running" for name in SOURCE_STATES}
    unknown = day_group(replace(WORST_DAY, source_state=None)).samples[SOURCE_STATE]
    assert set(unknown.values()) == {False}


def test_batches_that_are_done_or_set_aside_are_not_in_the_backlog() -> None:
    assert day_group(WORST_DAY).samples[BATCHES_BACKLOG] == {(): 5 - 3 - 1}


def test_a_failed_attempt_leaves_the_time_and_the_seconds_of_the_last_successful_one() -> None:
    done, failed = step_group(replace(FAILED, succeeded=True)), step_group(FAILED)
    names = [{gauge.name.removeprefix("readmit_step_") for gauge in group.samples} for group in (done, failed)]
    assert names[0] - names[1] == {"seconds", "succeeded_timestamp_seconds"}
    assert names[1] - names[0] == {"failed_timestamp_seconds"}
    assert not failed.replaces_all


def test_before_the_first_day_only_what_is_known_is_pushed() -> None:
    nothing = DayMetrics(None, {}, {}, None, {}, {}, None, None, None, None, 0, 0, None, None, None)
    group = day_group(nothing)
    known = {gauge.name for gauge, values in group.samples.items() if values}
    assert known == {
        "readmit_batches_done",
        "readmit_batches_set_aside",
        "readmit_day_outcome",
        "readmit_source_state",
    }
    assert group.replaces_all, "the quarantine of an earlier day must not remain"
    assert group.samples[DAY_QUARANTINED] == {}
