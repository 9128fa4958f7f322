import ast
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from math import inf, nan
from pathlib import Path
from time import sleep

import pytest

from readmit import pipeline
from readmit.core.errors import MissingBatches, SourceUnavailable
from readmit.pipeline import (
    BY_NAME,
    FINAL,
    SKIP_EXIT_CODE,
    STEPS,
    Facts,
    RunRequest,
    Step,
    day,
    is_retryable,
    run_step_in_process,
    steps,
)
from readmit.settings import SettingError

INGESTION = ("check_source", "fetch", "store_raw", "clean", "store_clean", "split", "upload")
TRAINING = ("train", "register", "promote", "signal")
ORIGINAL_TASKS = (
    *("check_ec2_status", "fetch_data_from_api", "store_raw_data_mysql", "clean_and_transform_data"),
    *("store_clean_data_mysql", "create_train_val_test_split", "upload_processed_data_minio", "train_ml_models"),
    *("register_best_model", "promote_to_production", "signal_services_ready"),
)


def recording(seen: list[tuple[str, RunRequest]], go_on: bool = True) -> Callable[[Step, RunRequest], Facts]:
    """Carries nothing out: notes each step with its ticket; `check_source` chooses batch 4."""

    def carry_out(step: Step, ticket: RunRequest) -> Facts:
        seen.append((step.name, ticket))
        return {"go_on": go_on, "batch": 4 if go_on else None} if step.name == "check_source" else {"rows": 1}

    return carry_out


@pytest.fixture(autouse=True)
def let_go(monkeypatch: pytest.MonkeyPatch) -> list[RunRequest]:
    """The tickets whose batch was given back; nothing is, there is no database here."""
    given_back: list[RunRequest] = []
    monkeypatch.setattr("readmit.attempt.release_lease", given_back.append)
    return given_back


def test_the_table_holds_the_eleven_steps_in_the_order_of_the_day() -> None:
    assert tuple(step.name for step in STEPS) == (*INGESTION, *TRAINING)
    assert [step.name for step in STEPS if step.group == "training"] == list(TRAINING)
    assert list(BY_NAME.values()) == list(STEPS)


def test_each_step_needs_the_one_before_it_and_the_first_needs_none() -> None:
    assert STEPS[0].needs == ()
    assert [step.needs for step in STEPS[1:]] == [(before.name,) for before, _ in pairwise(STEPS)]


def test_each_step_names_the_task_of_the_original_that_it_succeeds() -> None:
    assert tuple(step.original_task for step in STEPS) == ORIGINAL_TASKS


def test_every_step_has_a_module_of_its_name_and_no_module_stands_outside_the_table() -> None:
    modules = {path.stem for path in (Path(pipeline.__file__).parent / "steps").glob("*.py")}
    assert modules - {"__init__"} == set(BY_NAME)


def test_the_page_imports_the_standard_library_alone() -> None:
    tree = ast.parse(Path(pipeline.__file__).read_text(encoding="utf-8"))
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {node.module or "." for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in imported} <= sys.stdlib_module_names


def test_a_day_carries_out_every_step_in_order_and_yields_its_facts() -> None:
    seen: list[tuple[str, RunRequest]] = []
    told = list(day(RunRequest("run", None), recording(seen)))
    assert [name for name, _ in told] == [name for name, _ in seen] == [step.name for step in STEPS]
    assert told[0] == ("check_source", {"go_on": True, "batch": 4})


def test_the_batch_is_decided_once_at_the_door_and_every_later_step_works_on_it() -> None:
    seen: list[tuple[str, RunRequest]] = []
    list(day(RunRequest("run", None), recording(seen)))
    assert [ticket for _, ticket in seen] == [RunRequest("run", None), *[RunRequest("run", 4)] * 10]


def test_a_day_with_nothing_to_do_ends_after_the_door() -> None:
    seen: list[tuple[str, RunRequest]] = []
    assert [name for name, _ in day(RunRequest("run", None), recording(seen, go_on=False))] == ["check_source"]
    assert len(seen) == 1


def test_a_day_that_only_trains_leaves_the_data_alone() -> None:
    carried: list[str] = []

    def carry_out(step: Step, _: RunRequest) -> Facts:
        carried.append(step.name)
        return {"go_on": True, "batch": 4, "training_alone": True}

    list(day(RunRequest("run", None), carry_out))
    assert tuple(carried) == ("check_source", *TRAINING)


def test_a_day_without_training_ends_after_upload_and_stays_so_once_the_batch_is_decided() -> None:
    seen: list[tuple[str, RunRequest]] = []
    told = list(day(RunRequest("run", None, train=False), recording(seen)))
    assert tuple(name for name, _ in told) == INGESTION
    assert not any(ticket.train for _, ticket in seen)


def test_training_alone_begins_behind_the_door_and_stays_so_once_the_batch_is_decided() -> None:
    seen: list[tuple[str, RunRequest]] = []

    def carry_out(step: Step, ticket: RunRequest) -> Facts:
        seen.append((step.name, ticket))
        return {"go_on": True, "batch": 4, "training_alone": True}

    list(day(RunRequest("run", None, ingest=False), carry_out))
    assert tuple(name for name, _ in seen) == ("check_source", *TRAINING)
    assert not any(ticket.ingest for _, ticket in seen)


@pytest.mark.parametrize(
    ("door", "ticket"),
    [
        ({"go_on": True, "batch": 4}, RunRequest("run", None)),
        ({"go_on": True, "batch": 4}, RunRequest("run", None, train=False)),
        ({"go_on": True, "batch": 4, "training_alone": True}, RunRequest("run", 4)),
        ({"go_on": False, "batch": None}, RunRequest("run", None)),
    ],
)
def test_step_by_step_in_processes_of_their_own_the_same_is_carried_out_as_in_one_day(
    door: Facts, ticket: RunRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def carry_out(step: Step, held: RunRequest) -> Facts:
        return {**door} if step.name == "check_source" else {"step": step.name, "batch": held.batch}

    told = dict(day(ticket, carry_out))
    monkeypatch.setattr("readmit.attempt.attempt", carry_out)
    for step in STEPS:
        before = door if step.needs else None
        if step.name in told:
            assert run_step_in_process(step.name, ticket, before) == told[step.name]
        else:
            with pytest.raises(SystemExit) as ended:
                run_step_in_process(step.name, ticket, before)
            assert ended.value.code == SKIP_EXIT_CODE


def test_a_process_hands_on_no_figure_that_is_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("readmit.attempt.attempt", lambda *_: {"roc_auc": nan, "log_loss": inf, "rows": 3, "word": "x"})
    told = run_step_in_process("fetch", RunRequest("run", 4), {"go_on": True, "batch": 4})
    assert told == {"roc_auc": None, "log_loss": None, "rows": 3, "word": "x"}


def test_a_process_that_takes_too_long_ends_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BY_NAME, "fetch", replace(BY_NAME["fetch"], timeout_seconds=1))
    monkeypatch.setattr("readmit.attempt.attempt", lambda *_: sleep(30))
    with pytest.raises(TimeoutError, match="fetch took longer than 1 s"):
        run_step_in_process("fetch", RunRequest("run", 4), {"go_on": True, "batch": 4})


@pytest.mark.parametrize(
    ("error", "is_final"), [(MissingBatches("batch 1 is missing"), True), (OSError("away"), False)]
)
def test_a_process_that_fails_says_whether_another_try_is_worth_it(
    error: Exception, is_final: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Facts:
        raise error

    monkeypatch.setattr("readmit.attempt.attempt", fail)
    with pytest.raises((RuntimeError, OSError), match=str(error)) as raised:
        run_step_in_process("fetch", RunRequest("run", 4), {"go_on": True, "batch": 4})
    assert (FINAL in str(raised.value)) == is_final


def test_a_step_that_fails_ends_the_day_with_its_own_error_and_the_batch_is_given_back(
    let_go: list[RunRequest],
) -> None:
    def carry_out(step: Step, _: RunRequest) -> Facts:
        if step.name == "fetch":
            raise ConnectionError("no answer")
        return {"go_on": True, "batch": 1}

    told = day(RunRequest("run", 1), carry_out)
    assert next(told)[0] == "check_source"
    with pytest.raises(ConnectionError, match="no answer"):
        next(told)
    assert let_go == [RunRequest("run", 1)]


def test_a_day_that_nobody_carries_on_gives_its_batch_back(let_go: list[RunRequest]) -> None:
    told = day(RunRequest("run", None), recording([]))
    next(told)
    next(told)
    assert let_go == []
    told.close()
    assert let_go == [RunRequest("run", 4)]


def test_another_try_is_worth_it_unless_the_error_is_final_or_an_interruption() -> None:
    assert is_retryable(ConnectionError("no answer"))
    assert is_retryable(SourceUnavailable("no answer"))
    assert not is_retryable(MissingBatches("batch 1 is missing"))
    assert not is_retryable(SettingError("not set"))
    assert not is_retryable(KeyboardInterrupt())


@pytest.mark.parametrize(("train", "last"), [(True, "signal"), (False, "upload")])
def test_a_ticket_knows_the_days_last_step(train: bool, last: str) -> None:
    assert RunRequest("run", 1, train).last_step == last == steps(train)[-1].name
