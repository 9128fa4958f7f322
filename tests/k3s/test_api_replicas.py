"""The replicas of the inference API under load: updated, killed, scaled, and restarted without the registry."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest

from k3s.cluster import ROOT
from tests.k3s.cluster_stack import ClusterStack
from tests.k3s.waiting import wait_until

pytestmark = pytest.mark.k3s
EXAMPLE = json.loads((ROOT / "api/example.json").read_text())
LOAD_CLIENT = (ROOT / "tests/k3s/load_client.py").read_text()
RATE, LOAD_SECONDS = 200.0, 60.0
REPLICAS, MAX_REPLICAS = 2, 4
BATCH_RATE, BATCH_ROWS = 15.0, 2_000
ROLLOUT_SECONDS, SCALE_UP_SECONDS, SCALE_DOWN_SECONDS = 180.0, 240.0, 600.0


def result_under_load(stack: ClusterStack, action: Callable[[], None]) -> Mapping[str, Any]:
    """Send RATE predictions per second for LOAD_SECONDS, act after a third of them, and return what came back."""
    body = json.dumps(EXAMPLE)
    arguments = ("api", "8000", "/predict", str(RATE), str(LOAD_SECONDS), body)
    with stack.pod("locust", stack.program("-c", LOAD_CLIENT, *arguments)) as name:
        wait_until(lambda: "started" in stack.cluster.output("logs", name, "--ignore-errors"), ROLLOUT_SECONDS)
        time.sleep(LOAD_SECONDS / 3)
        action()
        result: Mapping[str, Any] = json.loads(stack.log_at_end(name).splitlines()[-1])
    print(json.dumps(result))
    return result


def require_all_answered(result: Mapping[str, Any]) -> None:
    assert result["outcomes"] == {"200": RATE * LOAD_SECONDS}
    assert result["rate"] > RATE * 0.95


def wait_for_replicas(stack: ClusterStack, count: int, seconds: float) -> None:
    wait_until(lambda: len(stack.ready_pods("api")) == len(stack.pods("api")) == count, seconds)


def test_a_rolling_update_under_load_fails_no_request(cluster_stack: ClusterStack) -> None:
    wait_for_replicas(cluster_stack, REPLICAS, SCALE_DOWN_SECONDS)

    def update() -> None:
        cluster_stack.cluster.output("rollout", "restart", "deployment/api")
        cluster_stack.cluster.output("rollout", "status", "deployment/api", f"--timeout={ROLLOUT_SECONDS:.0f}s")

    try:
        require_all_answered(result_under_load(cluster_stack, update))
    finally:
        # The annotation of the restart would differ from the overlay.
        patch = [{"op": "remove", "path": "/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt"}]
        cluster_stack.cluster.output("patch", "deployment/api", "--type", "json", "--patch", json.dumps(patch))
        cluster_stack.cluster.output("rollout", "status", "deployment/api", f"--timeout={ROLLOUT_SECONDS:.0f}s")


@pytest.mark.parametrize("options", [(), ("--grace-period=0", "--force")], ids=["deleted", "killed"])
def test_a_replica_that_is_lost_under_load_fails_no_request(
    options: tuple[str, ...], cluster_stack: ClusterStack
) -> None:
    wait_for_replicas(cluster_stack, REPLICAS, SCALE_DOWN_SECONDS)
    name = cluster_stack.pods("api")[0]["metadata"]["name"]
    result = result_under_load(
        cluster_stack, lambda: print(cluster_stack.cluster.output("delete", "pod", name, "--wait=false", *options))
    )
    require_all_answered(result)


def test_load_scales_the_api_up_and_rest_scales_it_down(cluster_stack: ClusterStack) -> None:
    wait_for_replicas(cluster_stack, REPLICAS, SCALE_DOWN_SECONDS)
    body = json.dumps(EXAMPLE)
    arguments = ("api", "8000", "/predict_batch", str(BATCH_RATE), str(SCALE_UP_SECONDS), body, str(BATCH_ROWS))
    with cluster_stack.pod("locust", cluster_stack.program("-c", LOAD_CLIENT, *arguments)):
        wait_until(lambda: len(cluster_stack.ready_pods("api")) > REPLICAS, SCALE_UP_SECONDS)
        assert len(cluster_stack.pods("api")) <= MAX_REPLICAS
    wait_for_replicas(cluster_stack, REPLICAS, SCALE_DOWN_SECONDS)


def test_a_restarted_replica_serves_its_kept_model_while_mlflow_is_away(cluster_stack: ClusterStack) -> None:
    wait_for_replicas(cluster_stack, REPLICAS, SCALE_DOWN_SECONDS)
    cluster, pod = cluster_stack.cluster, cluster_stack.pods("api")[0]["metadata"]["name"]
    cluster.output("scale", "deployment/mlflow", "--replicas=0")
    try:
        wait_until(lambda: not cluster_stack.pods("mlflow"), ROLLOUT_SECONDS)
        cluster.output("exec", pod, "--", "python", "-c", "import os; os.kill(1, 15)")
        wait_until(lambda: restarts(cluster_stack, pod) > 0, ROLLOUT_SECONDS)
        wait_for_replicas(cluster_stack, REPLICAS, ROLLOUT_SECONDS)
        code = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8000/health/ready').read().decode())"
        health = json.loads(cluster.output("exec", pod, "--", "python", "-c", code))
        assert health["model_loaded"]
        assert "the model registry is unavailable" in health["reload_failure"]
        cluster_stack.close()
        address = cluster_stack.addresses["api"]
        httpx.post(f"{address}/predict", json=EXAMPLE, timeout=30.0, trust_env=False).raise_for_status()
    finally:
        cluster.output("scale", "deployment/mlflow", "--replicas=1")
        wait_until(lambda: bool(cluster_stack.ready_pods("mlflow")), ROLLOUT_SECONDS)


def restarts(stack: ClusterStack, pod: str) -> int:
    (state,) = [item for item in stack.pods("api") if item["metadata"]["name"] == pod]
    return int(state["status"]["containerStatuses"][0]["restartCount"])
