"""The stack on a cluster, as `just k3s::up` left it: a served day, every target, policies, pods that come back."""

import json
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest

from k3s.cluster import ROOT, Cluster, cluster_of, forwarded
from k3s.cluster_settings import ClusterSettings
from k3s.cluster_status import RUN_CLI, fetch_days
from k3s.manifests import PART_OF
from k3s.overlay import FOLDER
from tests.stack.k3s_files import pods

PODS = pods()

pytestmark = pytest.mark.k3s
EXAMPLE = json.loads((ROOT / "api/example.json").read_text())
DAY_SECONDS, RECOVERY_SECONDS, POLL_SECONDS = 600.0, 300.0, 1.0
SELECTOR = "=".join(*PART_OF.items())
CONNECT = "import socket; socket.create_connection(('{}', {}), 3); print('connected')"
"""A program that fails when the connection is dropped or refused."""


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    cluster = cluster_of(ClusterSettings.from_environment())
    wait_until(lambda: bool(fetch_days(cluster).done), DAY_SECONDS)
    return cluster


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s"
        time.sleep(POLL_SECONDS)


def fetch(cluster: Cluster, service: str, port: int, path: str, **query: str) -> Any:
    with forwarded(cluster, service, port) as address:
        return httpx.get(f"{address}{path}", params=query, timeout=30.0, trust_env=False).raise_for_status().json()


def stack_pods(cluster: Cluster, name: str = "") -> list[Mapping[str, Any]]:
    """Return the pods that are not being deleted, of all services or of one."""
    selector = f"{SELECTOR},app.kubernetes.io/name={name}" if name else SELECTOR
    return [
        pod for pod in cluster.objects("pods", "--selector", selector) if "deletionTimestamp" not in pod["metadata"]
    ]


def is_ready(pod: Mapping[str, Any]) -> bool:
    return any(item["type"] == "Ready" and item["status"] == "True" for item in pod["status"].get("conditions", ()))


def test_every_pod_is_ready(cluster: Cluster) -> None:
    assert [pod["metadata"]["name"] for pod in stack_pods(cluster) if not is_ready(pod)] == []


def test_nothing_differs_from_the_overlay(cluster: Cluster) -> None:
    command = cluster.command("diff", "--server-side", "--kustomize", str(FOLDER))
    result = subprocess.run(command, env=cluster.environment(), capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "")


def test_the_model_of_a_day_is_served_by_every_replica_that_its_signal_confirmed(cluster: Cluster) -> None:
    query = "SELECT facts FROM raw_data_db.step_runs WHERE step = 'signal' ORDER BY number DESC LIMIT 1"
    facts = cluster.output(*RUN_CLI, "sql", query).splitlines()[1].strip('"').replace('""', '"')
    signal = json.loads(facts)
    assert signal["replicas"] == sum(map(is_ready, stack_pods(cluster, "api"))) >= 2
    with forwarded(cluster, "api", 8000) as address:
        response = httpx.post(f"{address}/predict", json=EXAMPLE, timeout=30.0, trust_env=False)
    prediction = response.raise_for_status().json()
    assert prediction["model_version"] == signal["version"]
    assert 0 < prediction["probability"] < 1


def test_every_raw_row_of_a_done_batch_is_stored_once(cluster: Cluster) -> None:
    columns = "COUNT(*) AS n, COUNT(DISTINCT encounter_id) AS d, COUNT(DISTINCT batch) AS b"
    stored = cluster.output(*RUN_CLI, "sql", f"SELECT {columns} FROM raw_data_db.encounters").splitlines()[1]
    columns = "SUM(`rows`) AS n, SUM(`rows`) AS d, COUNT(*) AS b"
    counted = f"SELECT {columns} FROM raw_data_db.batches WHERE done_at IS NOT NULL"
    assert cluster.output(*RUN_CLI, "sql", counted).splitlines()[1] == stored


def test_prometheus_reaches_every_target(cluster: Cluster) -> None:
    targets = fetch(cluster, "prometheus", 9090, "/api/v1/targets")["data"]["activeTargets"]
    assert {item["scrapeUrl"]: item["lastError"] for item in targets if item["health"] != "up"} == {}
    scraped = [item["labels"]["instance"] for item in targets if item["labels"]["job"] == "api"]
    assert len(scraped) == len(stack_pods(cluster, "api"))


@pytest.mark.parametrize(("service", "port"), [("mysql", 3306), ("s3", 8333)])
def test_a_pod_that_no_policy_names_reaches_no_store(service: str, port: int, cluster: Cluster) -> None:
    (pod,) = stack_pods(cluster, service)
    assert not connects(cluster, "nobody", pod["status"]["podIP"], port)


@pytest.mark.parametrize("port", [8333, 9333, 8888, 18888, 19333])
def test_a_pod_that_may_use_s3_reaches_no_other_port_of_it(port: int, cluster: Cluster) -> None:
    (pod,) = stack_pods(cluster, "s3")
    assert connects(cluster, "flows", pod["status"]["podIP"], port) == (port == 8333)


def connects(cluster: Cluster, label: str, host: str, port: int) -> bool:
    """Return whether a new pod with a label of a service can connect to a host."""
    name = f"probe-{uuid.uuid4().hex[:8]}"
    container = {
        "name": name,
        "image": "readmit-mlflow:0.1.0",
        "imagePullPolicy": "IfNotPresent",
        # By then its address is known to the policies.
        "command": ["python", "-c", f"import time; time.sleep(8); {CONNECT.format(host, port)}"],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    security = {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {"containers": [container], "restartPolicy": "Never", "securityContext": security}
    # A readiness gate that nothing sets: no Service sends it requests.
    spec["readinessGates"] = [{"conditionType": "readmit/never"}]
    metadata = {"name": name, "labels": {"app.kubernetes.io/name": label}}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    cluster.output("create", "--filename", "-", standard_input=json.dumps(body))
    try:
        wait_until(lambda: phase(cluster, name) in ("Succeeded", "Failed"), RECOVERY_SECONDS)
        # A line of its own: the traceback of a program that fails quotes the program.
        return "connected" in cluster.output("logs", name).splitlines()
    finally:
        cluster.output("delete", "pod", name, "--wait=false")


def phase(cluster: Cluster, pod: str) -> str:
    return cluster.output("get", "pod", pod, "--output", "jsonpath={.status.phase}")


@pytest.mark.parametrize("name", sorted(PODS))
def test_a_killed_pod_comes_back(name: str, cluster: Cluster) -> None:
    before = {pod["metadata"]["uid"] for pod in stack_pods(cluster, name)}
    if not before:
        pytest.skip(f"{name} was left out")
    killed = stack_pods(cluster, name)[0]["metadata"]["name"]
    cluster.output("delete", "pod", killed, "--grace-period=0", "--force")

    def is_back() -> bool:
        pods = stack_pods(cluster, name)
        return (
            len(pods) == len(before) and {pod["metadata"]["uid"] for pod in pods} != before and all(map(is_ready, pods))
        )

    wait_until(is_back, RECOVERY_SECONDS)
