import ast
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from math import inf, nan
from pathlib import Path
from time import sleep
from types import ModuleType

import pytest

from readmit import pipeline, retry
from readmit.core.errors import MissingBatches, SourceUnavailable
from readmit.pipeline import (
    BY_NAME,
    SKIP_EXIT_CODE,
    STEPS,
    Facts,
    RunRequest,
    Step,
    day,
    has_next_batch,
    run_step_in_process,
    steps,
)
from readmit.retry import FINAL, is_retryable
from readmit.settings import SettingError

INGESTION = ("check_source", "fetch", "store_raw", "clean", "store_clean", "split", "upload")
TRAINING = ("train", "register", "promote", "signal")
ORIGINAL_TASKS = (
    *("check_ec2_status", "fetch_data_from_api", "store_raw_data_mysql", "clean_and_transform_data"),
    *("store_clean_data_mysql", "create_train_val_test_split", "upload_processed_data_minio", "train_ml_models"),
    *("register_best_model", "promote_to_production", "signal_services_ready"),
)


def record_steps(executed: list[tuple[str, RunRequest]], go_on: bool = True) -> Callable[[Step, RunRequest], Facts]:
    """Return a fake that records each step with its request; `check_source` chooses batch 4."""

    def execute(step: Step, request: RunRequest) -> Facts:
        executed.append((step.name, request))
        return {"go_on": go_on, "batch": 4 if go_on else None} if step.name == "check_source" else {"rows": 1}

    return execute


@pytest.fixture(autouse=True)
def releases(monkeypatch: pytest.MonkeyPatch) -> list[RunRequest]:
    """Record the requests whose batch is released, without a database."""
    requests: list[RunRequest] = []
    monkeypatch.setattr("readmit.step_attempt.release_lease", requests.append)
    return requests


def test_the_table_holds_the_eleven_steps_in_the_order_of_the_day() -> None:
    assert tuple(step.name for step in STEPS) == (*INGESTION, *TRAINING)
    assert [step.name for step in STEPS if step.group == "training"] == list(TRAINING)
    assert list(BY_NAME.values()) == list(STEPS)


def test_each_step_needs_the_one_before_it_and_the_first_needs_none() -> None:
    assert STEPS[0].needs == ()
    assert [step.needs for step in STEPS[1:]] == [(before.name,) for before, _ in pairwise(STEPS)]


def test_each_step_names_the_task_of_the_original_that_it_succeeds() -> None:
    assert tuple(step.original_task for step in STEPS) == ORIGINAL_TASKS


def test_every_step_has_a_module_of_its_name_and_every_module_is_in_the_table() -> None:
    modules = {path.stem for path in (Path(pipeline.__file__).parent / "steps").glob("*.py")}
    assert modules - {"__init__"} == set(BY_NAME)


@pytest.mark.parametrize(("module", "ours"), [(pipeline, {"readmit.retry"}), (retry, set())])
def test_the_module_imports_only_the_standard_library_and_which_errors_are_retryable(
    module: ModuleType, ours: set[str]
) -> None:
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {node.module or "." for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name for name in imported if name.split(".")[0] not in sys.stdlib_module_names} == ours


def test_a_day_executes_every_step_in_order_and_yields_its_facts() -> None:
    executed: list[tuple[str, RunRequest]] = []
    results = list(day(RunRequest("run", None), record_steps(executed)))
    assert [name for name, _ in results] == [name for name, _ in executed] == [step.name for step in STEPS]
    assert results[0] == ("check_source", {"go_on": True, "batch": 4})


def test_the_batch_is_chosen_once_at_admission_and_every_later_step_works_on_it() -> None:
    executed: list[tuple[str, RunRequest]] = []
    list(day(RunRequest("run", None), record_steps(executed)))
    assert [request for _, request in executed] == [RunRequest("run", None), *[RunRequest("run", 4)] * 10]


def test_a_day_with_nothing_to_do_ends_after_admission() -> None:
    executed: list[tuple[str, RunRequest]] = []
    assert [name for name, _ in day(RunRequest("run", None), record_steps(executed, go_on=False))] == ["check_source"]
    assert len(executed) == 1


def test_a_day_that_only_trains_leaves_the_data_alone() -> None:
    executed: list[str] = []

    def execute(step: Step, _: RunRequest) -> Facts:
        executed.append(step.name)
        return {"go_on": True, "batch": 4, "training_alone": True}

    list(day(RunRequest("run", None), execute))
    assert tuple(executed) == ("check_source", *TRAINING)


def test_a_day_without_training_ends_after_upload_also_once_the_batch_is_chosen() -> None:
    executed: list[tuple[str, RunRequest]] = []
    results = list(day(RunRequest("run", None, train=False), record_steps(executed)))
    assert tuple(name for name, _ in results) == INGESTION
    assert not any(request.train for _, request in executed)


def test_training_alone_begins_after_admission_also_once_the_batch_is_chosen() -> None:
    executed: list[tuple[str, RunRequest]] = []

    def execute(step: Step, request: RunRequest) -> Facts:
        executed.append((step.name, request))
        return {"go_on": True, "batch": 4, "training_alone": True}

    list(day(RunRequest("run", None, ingest=False), execute))
    assert tuple(name for name, _ in executed) == ("check_source", *TRAINING)
    assert not any(request.ingest for _, request in executed)


@pytest.mark.parametrize(
    ("admission", "run_request"),
    [
        ({"go_on": True, "batch": 4}, RunRequest("run", None)),
        ({"go_on": True, "batch": 4}, RunRequest("run", None, train=False)),
        ({"go_on": True, "batch": 4, "training_alone": True}, RunRequest("run", 4)),
        ({"go_on": False, "batch": None}, RunRequest("run", None)),
    ],
)
def test_steps_in_processes_of_their_own_are_the_same_as_in_one_day(
    admission: Facts, run_request: RunRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def execute(step: Step, admitted: RunRequest) -> Facts:
        return {**admission} if step.name == "check_source" else {"step": step.name, "batch": admitted.batch}

    facts = dict(day(run_request, execute))
    monkeypatch.setattr("readmit.step_attempt.attempt", execute)
    for step in STEPS:
        before = admission if step.needs else None
        if step.name in facts:
            assert run_step_in_process(step.name, run_request, before) == facts[step.name]
        else:
            with pytest.raises(SystemExit) as ended:
                run_step_in_process(step.name, run_request, before)
            assert ended.value.code == SKIP_EXIT_CODE


def test_a_process_returns_none_for_a_figure_that_is_not_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "readmit.step_attempt.attempt", lambda *_: {"roc_auc": nan, "log_loss": inf, "rows": 3, "word": "x"}
    )
    facts = run_step_in_process("fetch", RunRequest("run", 4), {"go_on": True, "batch": 4})
    assert facts == {"roc_auc": None, "log_loss": None, "rows": 3, "word": "x"}


def test_a_process_that_takes_too_long_ends_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BY_NAME, "fetch", replace(BY_NAME["fetch"], timeout_seconds=1))
    monkeypatch.setattr("readmit.step_attempt.attempt", lambda *_: sleep(30))
    with pytest.raises(TimeoutError, match="fetch took longer than 1 s"):
        run_step_in_process("fetch", RunRequest("run", 4), {"go_on": True, "batch": 4})


@pytest.mark.parametrize(
    ("error", "is_final"), [(MissingBatches("batch 1 is missing"), True), (OSError("unavailable"), False)]
)
def test_the_error_of_a_process_shows_whether_a_retry_is_of_use(
    error: Exception, is_final: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Facts:
        raise error

    monkeypatch.setattr("readmit.step_attempt.attempt", fail)
    with pytest.raises((RuntimeError, OSError), match=str(error)) as raised:
        run_step_in_process("fetch", RunRequest("run", 4), {"go_on": True, "batch": 4})
    assert (FINAL in str(raised.value)) == is_final


def test_a_failed_step_ends_the_day_with_its_own_error_and_the_batch_is_released(
    releases: list[RunRequest],
) -> None:
    def execute(step: Step, _: RunRequest) -> Facts:
        if step.name == "fetch":
            raise ConnectionError("no answer")
        return {"go_on": True, "batch": 1}

    results = day(RunRequest("run", 1), execute)
    assert next(results)[0] == "check_source"
    with pytest.raises(ConnectionError, match="no answer"):
        next(results)
    assert releases == [RunRequest("run", 1)]


def test_an_abandoned_day_releases_its_batch(releases: list[RunRequest]) -> None:
    results = day(RunRequest("run", None), record_steps([]))
    next(results)
    next(results)
    assert releases == []
    results.close()
    assert releases == [RunRequest("run", 4)]


def test_an_error_is_retryable_unless_it_is_final_or_an_interruption() -> None:
    assert is_retryable(ConnectionError("no answer"))
    assert is_retryable(SourceUnavailable("no answer"))
    assert not is_retryable(MissingBatches("batch 1 is missing"))
    assert not is_retryable(SettingError("not set"))
    assert not is_retryable(KeyboardInterrupt())


@pytest.mark.parametrize(("train", "last"), [(True, "signal"), (False, "upload")])
def test_a_request_has_the_days_last_step(train: bool, last: str) -> None:
    assert RunRequest("run", 1, train).last_step == last == steps(train)[-1].name


@pytest.mark.parametrize(
    ("requested", "limit", "admission", "expected"),
    [
        (None, None, {"go_on": True, "remaining": 3}, True),
        (None, 2, {"go_on": True, "remaining": 1}, True),
        (None, 1, {"go_on": True, "remaining": 3}, False),
        (None, None, {"go_on": True, "remaining": 0}, False),
        (None, None, {"go_on": False, "remaining": 0}, False),
        (None, None, {"go_on": True}, False),
        (4, None, {"go_on": True, "remaining": 3}, False),
    ],
)
def test_a_run_goes_on_while_batches_remain_unless_it_was_given_one_or_has_reached_its_limit(
    requested: int | None, limit: int | None, admission: Facts, expected: bool
) -> None:
    assert has_next_batch(requested, limit, admission) is expected
