"""The stack on a cluster, as `just k3s::up` left it: a served day, every target, policies, pods that come back."""

import json
import subprocess

import httpx
import pytest

from k3s.cluster import ROOT
from k3s.overlay import folder_of
from tests.k3s.cluster_stack import ClusterStack, is_ready
from tests.k3s.waiting import wait_until
from tests.stack.k3s_files import pods

PODS = pods()

pytestmark = pytest.mark.k3s
EXAMPLE = json.loads((ROOT / "api/example.json").read_text())
RECOVERY_SECONDS = 300.0
CONNECT = "import time, socket; time.sleep(8); socket.create_connection(('{}', {}), 3); print('connected')"
"""A program that fails when the connection is dropped or refused. At its start, no policy knows its address yet."""


def test_every_pod_is_ready(cluster_stack: ClusterStack) -> None:
    assert [pod["metadata"]["name"] for pod in cluster_stack.pods() if not is_ready(pod)] == []


def test_nothing_differs_from_the_overlay(cluster_stack: ClusterStack) -> None:
    cluster = cluster_stack.cluster
    command = cluster.command("diff", "--server-side", "--kustomize", str(folder_of(cluster.namespace)))
    result = subprocess.run(command, env=cluster.environment(), capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "")


def test_the_model_of_a_day_is_served_by_every_replica_that_its_signal_confirmed(cluster_stack: ClusterStack) -> None:
    query = "SELECT facts FROM raw_data_db.step_runs WHERE step = 'signal' ORDER BY number DESC LIMIT 1"
    signal = json.loads(cluster_stack.sql(query)[0]["facts"])
    assert signal["replicas"] == len(cluster_stack.ready_pods("api")) >= 2
    address = cluster_stack.addresses["api"]
    response = httpx.post(f"{address}/predict", json=EXAMPLE, timeout=30.0, trust_env=False)
    prediction = response.raise_for_status().json()
    assert prediction["model_version"] == signal["version"]
    assert 0 < prediction["probability"] < 1


def test_every_raw_row_of_a_done_batch_is_stored_once(cluster_stack: ClusterStack) -> None:
    columns = "COUNT(*) AS n, COUNT(DISTINCT encounter_id) AS d, COUNT(DISTINCT batch) AS b"
    done = "SELECT batch FROM raw_data_db.batches WHERE done_at IS NOT NULL"
    (stored,) = cluster_stack.sql(f"SELECT {columns} FROM raw_data_db.encounters WHERE batch IN ({done})")
    columns = "SUM(`rows`) AS n, SUM(`rows`) AS d, COUNT(*) AS b"
    assert cluster_stack.sql(f"SELECT {columns} FROM raw_data_db.batches WHERE done_at IS NOT NULL") == [stored]


def test_prometheus_reaches_every_target(cluster_stack: ClusterStack) -> None:
    targets = cluster_stack.get("prometheus", "/api/v1/targets")["data"]["activeTargets"]
    assert {item["scrapeUrl"]: item["lastError"] for item in targets if item["health"] != "up"} == {}
    scraped = [item["labels"]["instance"] for item in targets if item["labels"]["job"] == "api"]
    assert len(scraped) == len(cluster_stack.pods("api"))


@pytest.mark.parametrize(("service", "port"), [("mysql", 3306), ("s3", 8333)])
def test_a_pod_that_no_policy_names_reaches_no_store(service: str, port: int, cluster_stack: ClusterStack) -> None:
    assert not connects(cluster_stack, "nobody", service, port)


@pytest.mark.parametrize("port", [8333, 9333, 8888, 18888, 19333])
def test_a_pod_that_may_use_s3_reaches_no_other_port_of_it(port: int, cluster_stack: ClusterStack) -> None:
    assert connects(cluster_stack, "flows", "s3", port) == (port == 8333)


def connects(stack: ClusterStack, label: str, service: str, port: int) -> bool:
    """Return whether a new pod with a label of a service can connect to the pod of a service."""
    (pod,) = stack.pods(service)
    with stack.pod(label, stack.program("-c", CONNECT.format(pod["status"]["podIP"], port))) as name:
        # A line of its own: the traceback of a program that fails quotes the program.
        return "connected" in stack.log_at_end(name).splitlines()


@pytest.mark.parametrize("name", sorted(PODS))
def test_a_killed_pod_comes_back(name: str, cluster_stack: ClusterStack) -> None:
    before = {pod["metadata"]["uid"] for pod in cluster_stack.pods(name)}
    if not before:
        pytest.skip(f"{name} was left out")
    killed = cluster_stack.pods(name)[0]["metadata"]["name"]
    cluster_stack.cluster.output("delete", "pod", killed, "--grace-period=0", "--force")

    def is_back() -> bool:
        pods = cluster_stack.pods(name)
        uids = {pod["metadata"]["uid"] for pod in pods}
        return len(pods) == len(before) and uids != before and all(map(is_ready, pods))

    wait_until(is_back, RECOVERY_SECONDS)
    cluster_stack.close()
