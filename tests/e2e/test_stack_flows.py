"""Prefect on the container stack: deployments, artifacts, schedules, and runs that died."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import pytest
from rich.console import Console

from readmit.containers import day_commands, flow_runs
from readmit.containers.flow_runs import FlowRun
from readmit.containers.project import output
from readmit.pipeline import LEASE_SECONDS, SCHEDULE, TIME_ZONE
from readmit.stacks.errors import StackError
from tests.e2e.containers import BATCH_SIZE, Stack
from tests.e2e.test_stack import finished_runs, prediction, stored_content, versions

pytestmark = pytest.mark.e2e
POLL_SECONDS = 0.2
RECORD_SECONDS = 5.0
"""Between the state of a run and the event that Prefect derives from it."""
KILL_ENGINES = """
import os
from pathlib import Path

for process in Path("/proc").glob("[0-9]*"):
    arguments = (process / "cmdline").read_bytes().split(b"\\0")
    if b"-c" not in arguments and any(b"flow_engine" in item or b"prefect.engine" in item for item in arguments):
        os.kill(int(process.name), 9)
"""


def query_prefect(stack: Stack, kind: str, **body: object) -> list[dict[str, Any]]:
    """Return the objects of a kind that match a filter."""
    objects: list[dict[str, Any]] = stack.prefect_request("POST", f"/{kind}/filter", **body)
    return objects


def wait_until(condition: Callable[[], bool], seconds: float) -> float:
    """Wait for a condition and return the seconds that it took."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, f"not within {seconds:.0f} s"
        time.sleep(POLL_SECONDS)
    return time.monotonic() - started


def set_paused(stack: Stack, paused: bool) -> None:
    """Pause or resume the schedule, as on Prefect's page."""
    (deployment,) = (item for item in query_prefect(stack, "deployments") if item["name"] == "daily")
    stack.prefect_request("PATCH", f"/deployments/{deployment['id']}", paused=paused)


def failure_is_recorded(stack: Stack, run_id: str) -> bool:
    """Return whether Prometheus has the time at which a run failed or crashed, which Prefect pushes."""
    (run,) = query_prefect(stack, "flow_runs", flow_runs={"id": {"any_": [run_id]}})
    failed_at = datetime.fromisoformat(run["state"]["timestamp"]).timestamp()
    query = {"query": "readmit_run_failed_timestamp_seconds[2h]"}
    response = httpx.get(f"{stack.addresses['prometheus']}/api/v1/query", params=query, trust_env=False)
    values = [float(value) for series in response.json()["data"]["result"] for _, value in series["values"]]
    return any(abs(value - failed_at) < RECORD_SECONDS for value in values)


def wait_until_running(stack: Stack, step: str, run: FlowRun) -> None:
    """Wait until a task of a run is running."""

    def is_running() -> bool:
        tasks = query_prefect(stack, "task_runs", flow_runs={"id": {"any_": [run.id]}})
        return any(task["name"].startswith(f"{step}-") and task["state_type"] == "RUNNING" for task in tasks)

    wait_until(is_running, 2 * LEASE_SECONDS)


@dataclass(frozen=True, slots=True)
class Abandoned:
    """A run of `train` whose container was killed, and the `content` of the stores before it."""

    run: FlowRun
    content: list[str]


@pytest.fixture(scope="module")
def abandoned(stack: Stack) -> Abandoned:
    """Kill the container of a run and pause the schedule. Other tests run until Prefect marks the run as crashed."""
    before = stored_content(stack)
    run = flow_runs.start(stack.prefect, {"batch": 3}, "train")
    wait_until_running(stack, "train", run)
    set_paused(stack, True)
    # Like a restart by the engine, of this container only: Prefect still waits for heartbeats of the dead run.
    stack.project.output("kill", "flows")
    stack.up()
    return Abandoned(run, before)


@pytest.fixture(scope="module")
def _recorded_crash(stack: Stack, abandoned: Abandoned) -> None:
    """Wait until the crash of the abandoned run is recorded: of two failures within a scrape, the first one is not."""
    wait_until(lambda: flow_runs.refresh(stack.prefect, abandoned.run).state == "CRASHED", LEASE_SECONDS + 120)
    wait_until(lambda: failure_is_recorded(stack, abandoned.run.id), 60)


def test_the_days_run_without_outgoing_traffic(stack: Stack) -> None:
    names = [f"{stack.project.name}_{network}" for network in ("stores", "services", "published")]
    networks = json.loads(output(["docker", "network", "inspect", *names]))
    for network in networks:
        masquerades = network["Options"].get("com.docker.network.bridge.enable_ip_masquerade") != "false"
        assert network["Internal"] or not masquerades, f"{network['Name']} reaches the outside"


@pytest.mark.parametrize("service", ["prefect", "mlflow", "ui"])
def test_the_web_page_of_a_service_is_served(service: str, stack: Stack) -> None:
    response = httpx.get(f"{stack.addresses[service]}/", timeout=30.0, trust_env=False)
    assert (response.status_code, response.headers["content-type"].split(";")[0]) == (200, "text/html")


def test_both_flows_are_deployed_and_the_day_has_its_schedule(stack: Stack) -> None:
    deployments = {item["name"]: item for item in query_prefect(stack, "deployments")}
    assert deployments.keys() == {"daily", "train"}
    (schedule,) = deployments["daily"]["schedules"]
    assert (schedule["active"], schedule["schedule"]["timezone"]) == (True, TIME_ZONE)
    assert schedule["schedule"]["cron"] == stack.project.variables["READMIT_SCHEDULE"] != SCHEDULE
    assert deployments["train"]["schedules"] == []


def test_a_day_publishes_a_table_of_steps_and_a_link_to_its_version(stack: Stack) -> None:
    artifacts = {item["key"]: str(item["data"]) for item in query_prefect(stack, "artifacts", sort="CREATED_DESC")}
    assert "check_source" in artifacts["day"]
    assert f"{stack.addresses['mlflow']}/#/models/readmit/versions/" in artifacts["version"]


def test_training_alone_finds_its_results_already_stored(stack: Stack) -> None:
    before = stored_content(stack), versions(stack), prediction(stack)
    run = flow_runs.start(stack.prefect, {}, "train")
    wait_until(lambda: flow_runs.refresh(stack.prefect, run).state in flow_runs.TERMINAL_STATES, 300)
    assert flow_runs.refresh(stack.prefect, run).state == "COMPLETED"
    assert (stored_content(stack), versions(stack), prediction(stack)) == before


def test_a_paused_schedule_stays_paused_when_the_container_of_the_flows_dies(
    stack: Stack,
    abandoned: Abandoned,  # noqa: ARG001 - by now that container has died
) -> None:
    (deployment,) = (item for item in query_prefect(stack, "deployments") if item["name"] == "daily")
    assert deployment["paused"] is True
    set_paused(stack, False)


def test_a_backfill_prints_its_log_and_repeating_it_changes_nothing(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    after = []
    for _ in range(2):
        day_commands.run_command(["backfill", "1", "2"], stack.project, Console(width=200))
        after.append((stored_content(stack), versions(stack), prediction(stack)))
    assert after[0] == after[1]
    output = capsys.readouterr().out
    assert [output.count(f"check_source  batch {batch}") for batch in (1, 2, 3)] == [2, 2, 0]
    assert output.count(f"fetch         rows {BATCH_SIZE:,}") == 4


@pytest.mark.usefixtures("_recorded_crash")
def test_a_failed_run_is_reported_with_its_reason(stack: Stack) -> None:
    with pytest.raises(StackError, match="ended as FAILED: .*there is no batch 99"):
        day_commands.run_command(["day", "--batch", "99"], stack.project, Console(width=200))
    failed = query_prefect(
        stack, "flow_runs", flow_runs={"state": {"type": {"any_": ["FAILED"]}}}, sort="END_TIME_DESC"
    )
    wait_until(lambda: failure_is_recorded(stack, failed[0]["id"]), 60)


@pytest.mark.usefixtures("_recorded_crash")
def test_a_run_that_dies_is_marked_as_crashed_and_its_batch_can_be_run_again(stack: Stack) -> None:
    before, prefect = (stored_content(stack), versions(stack), prediction(stack)), stack.prefect
    died = flow_runs.start(prefect, {"batch": 1})
    wait_until_running(stack, "store_raw", died)
    stack.output_in_flows(KILL_ENGINES)
    # Its parent process sees its end at once.
    wait_until(lambda: flow_runs.refresh(prefect, died).state == "CRASHED", 60)
    wait_until(lambda: failure_is_recorded(stack, died.id), 60)
    assert stack.run_day(batch=1).state == "COMPLETED"
    assert (stored_content(stack), versions(stack), prediction(stack)) == before


@pytest.mark.usefixtures("_recorded_crash")
def test_a_run_whose_container_dies_is_marked_as_crashed_when_its_heartbeats_stop(
    stack: Stack, abandoned: Abandoned
) -> None:
    prefect = stack.prefect
    before = len(versions(stack))
    again = flow_runs.start(prefect, {"batch": 3}, "train")
    wait_until(lambda: flow_runs.refresh(prefect, again).state == "COMPLETED", 300)
    assert stored_content(stack) == abandoned.content
    # Five candidates and a refit for each version, and no runs of the flow run that died.
    assert (len(versions(stack)), finished_runs(stack)) == (before + 1, 6 * (before + 1))
