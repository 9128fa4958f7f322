"""What Prefect makes of the days on the stack of containers: its page, its memory of what died."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from rich.console import Console

from readmit.containers import day_commands, flow_runs
from readmit.containers.flow_runs import FlowRun
from readmit.pipeline import LEASE_SECONDS, SCHEDULE, TIME_ZONE
from readmit.stacks.errors import StackError
from tests.e2e.containers import Stack
from tests.e2e.test_stack import content, finished_runs, predicted, versions

pytestmark = pytest.mark.e2e
LOOK_AGAIN_SECONDS = 0.05
KILL = """
import os
from pathlib import Path

for each in Path("/proc").glob("[0-9]*"):
    words = (each / "cmdline").read_bytes().split(b"\\0")
    if b"-c" not in words and any(b"flow_engine" in word or b"prefect.engine" in word for word in words):
        os.kill(int(each.name), 9)
"""


def filtered(stack: Stack, what: str, **asked: object) -> list[dict[str, Any]]:
    """What Prefect has of a kind."""
    found: list[dict[str, Any]] = stack.ask_prefect("POST", f"/{what}/filter", **asked).json()
    return found


def until(wanted: Callable[[], bool], seconds: float) -> float:
    """Waits; how long it took."""
    began = time.monotonic()
    while not wanted():
        assert time.monotonic() - began < seconds, f"not within {seconds:.0f} s"
        time.sleep(LOOK_AGAIN_SECONDS)
    return time.monotonic() - began


def pause(stack: Stack, paused: bool) -> None:
    """As a person does it on Prefect's page."""
    (found,) = (each for each in filtered(stack, "deployments") if each["name"] == "daily")
    stack.ask_prefect("PATCH", f"/deployments/{found['id']}", paused=paused)


def told_to_alertmanager(stack: Stack) -> str:
    command = ("amtool", "--alertmanager.url=http://127.0.0.1:9093", "alert")
    return stack.project.output("exec", "-T", "alertmanager", *command)


def in_the_middle_of(stack: Stack, step: str, run: FlowRun) -> None:
    """Waits until a task of a run is at work."""

    def at_work() -> bool:
        tasks = filtered(stack, "task_runs", flow_runs={"id": {"any_": [run.id]}})
        return any(task["name"].startswith(f"{step}-") and task["state_type"] == "RUNNING" for task in tasks)

    until(at_work, 2 * LEASE_SECONDS)


@dataclass(frozen=True, slots=True)
class Abandoned:
    """A run of `train` whose container was killed, and the `content` of the stores before."""

    run: FlowRun
    content: list[str]


@pytest.fixture(scope="module")
def abandoned(stack: Stack) -> Abandoned:
    """The schedule is paused meanwhile. It takes minutes until the run is called crashed: other tests come between."""
    before = content(stack)
    run = flow_runs.start(stack.prefect, {"batch": 3}, "train")
    in_the_middle_of(stack, "train", run)
    pause(stack, True)
    # As when the engine restarts it, and it alone: whoever waits for the dead run's sign of life still does.
    stack.project.output("kill", "flows")
    stack.up()
    return Abandoned(run, before)


@pytest.mark.parametrize("service", ["prefect", "mlflow", "ui"])
def test_a_page_that_a_person_opens_is_there(service: str, stack: Stack) -> None:
    answer = httpx.get(f"{stack.addresses[service]}/", timeout=30.0, trust_env=False)
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, "text/html")


def test_both_flows_are_deployed_and_the_day_has_its_schedule(stack: Stack) -> None:
    found = {each["name"]: each for each in filtered(stack, "deployments")}
    assert found.keys() == {"daily", "train"}
    (schedule,) = found["daily"]["schedules"]
    assert (schedule["active"], schedule["schedule"]["timezone"]) == (True, TIME_ZONE)
    assert schedule["schedule"]["cron"] == stack.project.variables["READMIT_SCHEDULE"] != SCHEDULE
    assert found["train"]["schedules"] == []


def test_a_day_leaves_a_table_and_links_to_what_it_made(stack: Stack) -> None:
    left = {each["key"]: str(each["data"]) for each in filtered(stack, "artifacts", sort="CREATED_DESC")}
    assert "check_source" in left["day"]
    assert f"{stack.addresses['mlflow']}/#/models/readmit/versions/" in left["version"]


def test_training_alone_finds_that_what_it_would_make_is_there(stack: Stack) -> None:
    before = content(stack), versions(stack), predicted(stack)
    run = flow_runs.start(stack.prefect, {}, "train")
    until(lambda: flow_runs.look(stack.prefect, run).state in flow_runs.ENDED, 300)
    assert flow_runs.look(stack.prefect, run).state == "COMPLETED"
    assert (content(stack), versions(stack), predicted(stack)) == before


def test_a_schedule_that_is_paused_stays_so_when_the_container_of_the_flows_dies(
    stack: Stack,
    abandoned: Abandoned,  # noqa: ARG001 - by now that container has died
) -> None:
    (deployment,) = (each for each in filtered(stack, "deployments") if each["name"] == "daily")
    assert deployment["paused"] is True
    pause(stack, False)


def test_a_backfill_is_told_as_it_goes_and_the_second_one_changes_nothing(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    after = []
    for _ in range(2):
        day_commands.carry_out(["backfill", "1", "2"], stack.project, Console(width=200))
        after.append((content(stack), versions(stack), predicted(stack)))
    assert after[0] == after[1]
    said = capsys.readouterr().out
    assert [said.count(f"check_source  batch {batch}") for batch in (1, 2, 3)] == [2, 2, 0]
    assert said.count("fetch         rows 15,000") == 4


def test_a_run_that_does_not_end_well_is_refused_with_its_reason(stack: Stack) -> None:
    with pytest.raises(StackError, match="ended as FAILED: .*there is no batch 99"):
        day_commands.carry_out(["day", "--batch", "99"], stack.project, Console(width=200))


def test_a_run_that_dies_is_called_crashed_and_its_batch_is_taken_again(stack: Stack) -> None:
    before, prefect = (content(stack), versions(stack), predicted(stack)), stack.prefect
    died = flow_runs.start(prefect, {"batch": 1})
    in_the_middle_of(stack, "store_raw", died)
    stack.output_in_flows(KILL)
    # Who started it sees its end at once.
    until(lambda: flow_runs.look(prefect, died).state == "CRASHED", 60)
    assert stack.day(batch=1).state == "COMPLETED"
    assert (content(stack), versions(stack), predicted(stack)) == before


def test_a_run_whose_container_dies_is_called_crashed_when_it_gives_no_sign_of_life_any_more(
    stack: Stack, abandoned: Abandoned
) -> None:
    prefect = stack.prefect
    until(lambda: flow_runs.look(prefect, abandoned.run).state == "CRASHED", LEASE_SECONDS + 120)
    before = len(versions(stack))
    again = flow_runs.start(prefect, {"batch": 3}, "train")
    until(lambda: flow_runs.look(prefect, again).state == "COMPLETED", 300)
    assert content(stack) == abandoned.content
    # Four candidates and a refit for each version, and none of the run that died.
    assert (len(versions(stack)), finished_runs(stack)) == (before + 1, 5 * (before + 1))
    until(lambda: told_to_alertmanager(stack).count("DayFailed") == 3, 60)
