"""Days as Kubernetes Jobs: several at once, each with exact rows."""

import json
from collections.abc import Callable, Iterator, Sequence

import pytest

from k3s.cluster_settings import ClusterSettings
from k3s.overlay import COMPONENTS, OPTIONAL
from k3s.rollout import RolloutOptions, up
from readmit.containers import flow_runs
from readmit.containers.flow_runs import FlowRun
from readmit.pipeline import STEPS
from readmit.settings import environment_with
from readmit.stacks.terminal import console
from tests.e2e.test_stack import stored_content
from tests.e2e.test_stack_flows import KILL_ENGINES
from tests.k3s.cluster_stack import ClusterStack
from tests.k3s.waiting import wait_until

pytestmark = pytest.mark.k3s
BATCHES = (1, 2, 3)
PODS_SECONDS = 90.0


@pytest.fixture(scope="module")
def stack(cluster_stack: ClusterStack) -> Iterator[ClusterStack]:
    """The stack that is up, with the component `jobs`, which is left out again at the end unless it was there."""
    has_jobs = cluster_stack.flows_template["spec"]["serviceAccountName"] == "flows"
    names = {item["metadata"]["name"] for item in cluster_stack.cluster.objects("deployments,statefulsets")}
    without, components = sorted(set(OPTIONAL) - names), sorted(set(COMPONENTS) & names)

    def bring_up(components: Sequence[str]) -> None:
        options = RolloutOptions(without, with_day=False, components=components)
        up(options, ClusterSettings.from_environment(), environment_with({}), console())
        cluster_stack.close()

    if not has_jobs:
        bring_up([*components, "jobs"])
    yield cluster_stack
    if not has_jobs:
        bring_up(components)


def running_days(stack: ClusterStack) -> list[str]:
    return [pod["metadata"]["name"] for pod in stack.pods("daily") if pod["status"]["phase"] == "Running"]


def test_three_batches_run_as_jobs_at_once_with_exact_rows(stack: ClusterStack) -> None:
    done = {row["batch"] for row in stack.sql("SELECT batch FROM raw_data_db.batches WHERE done_at IS NOT NULL")}
    for batch in BATCHES:
        if str(batch) not in done:
            assert stack.run_day(batch=batch, train=False).state == "COMPLETED"
    before = stored_content(stack)
    prefect = stack.prefect
    runs = [flow_runs.start(prefect, {"batch": batch}) for batch in BATCHES]
    wait_until(lambda: len(running_days(stack)) == len(BATCHES), PODS_SECONDS)
    assert [stack.finished(run).state for run in runs] == ["COMPLETED"] * len(BATCHES)
    assert stored_content(stack) == before
    for run, batch in zip(runs, BATCHES, strict=True):
        query = f"SELECT step, state FROM raw_data_db.step_runs WHERE run_id = '{run.id}' AND batch = {batch}"
        rows = stack.sql(f"{query} ORDER BY number")
        assert [(row["step"], row["state"]) for row in rows] == [(step.name, "done") for step in STEPS]


def test_a_job_contains_no_login(stack: ClusterStack) -> None:
    assert stack.run_day(batch=BATCHES[0], train=False).state == "COMPLETED"
    jobs = stack.cluster.objects("jobs")
    assert jobs
    assert stack.prefect.login not in json.dumps(jobs)


def run_and_lose(stack: ClusterStack, lose: Callable[[str], None]) -> FlowRun:
    """Start a day, lose something of its pod while it runs, and return it at its end."""
    run = flow_runs.start(stack.prefect, {"batch": BATCHES[0]})
    wait_until(lambda: flow_runs.refresh(stack.prefect, run).state == "RUNNING", PODS_SECONDS)
    (pod,) = running_days(stack)
    lose(pod)
    return stack.finished(run)


def test_a_day_whose_pod_is_deleted_is_run_again_by_prefect(stack: ClusterStack) -> None:
    before, jobs = stored_content(stack), len(stack.cluster.objects("jobs"))
    run = run_and_lose(stack, lambda pod: print(stack.cluster.output("delete", "pod", pod, "--grace-period=5")))
    assert run.state == "COMPLETED"
    assert len(stack.cluster.objects("jobs")) == jobs + 2
    assert stored_content(stack) == before


def test_a_day_whose_process_is_killed_is_marked_as_crashed_and_can_be_run_again(stack: ClusterStack) -> None:
    before = stored_content(stack)
    kill = ("--", "python", "-c", KILL_ENGINES)
    run = run_and_lose(stack, lambda pod: print(stack.cluster.output("exec", pod, "--container=prefect-job", *kill)))
    assert run.state == "CRASHED"
    assert stack.run_day(batch=BATCHES[0], train=False).state == "COMPLETED"
    assert stored_content(stack) == before
