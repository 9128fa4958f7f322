"""A stack on a cluster as the acceptance tests use it, in a namespace of its own or the one that is up."""

import json
import shutil
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flows.job_template import LEFT_OUT
from k3s.cluster import Cluster, cluster_of, start_forwarding
from k3s.cluster_settings import ClusterSettings
from k3s.commands import run_cli
from k3s.manifests import render
from k3s.overlay import folder_of
from k3s.rollout import SELECTOR, RolloutOptions, unready, up
from readmit.stacks.terminal import console
from tests.e2e.backend import SETTINGS, Backend
from tests.e2e.containers import BATCH_SIZE
from tests.k3s.waiting import wait_until

NAMESPACE = "readmit-e2e"
READY_SECONDS = 600.0


def is_ready(pod: Mapping[str, Any]) -> bool:
    return any(item["type"] == "Ready" and item["status"] == "True" for item in pod["status"].get("conditions", ()))


class Forwards(Mapping[str, str]):
    """The address of each service with a port that `just k3s::open` would open, forwarded when it is first used."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._processes: dict[str, tuple[subprocess.Popen[str], str]] = {}

    def __getitem__(self, service: str) -> str:
        process, address = self._processes.get(service, (None, ""))
        if process is None or process.poll() is not None:
            process, address = self._processes[service] = start_forwarding(
                self._cluster, service, self._ports()[service]
            )
        return address

    def __iter__(self) -> Iterator[str]:
        return iter(self._ports())

    def __len__(self) -> int:
        return len(self._ports())

    def close(self) -> None:
        """End all forwarding; the next use of an address starts it again."""
        for process, _ in self._processes.values():
            process.terminate()
        self._processes.clear()

    def _ports(self) -> Mapping[str, int]:
        services = self._cluster.objects("services")
        return {item["metadata"]["name"]: item["spec"]["ports"][0]["port"] for item in services}


class ClusterStack(Backend):
    """The stack in a namespace of a cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.addresses = self._forwards = Forwards(cluster)

    @property
    def secrets_folder(self) -> Path:
        return folder_of(self.cluster.namespace) / "secrets"

    def exec(self, service: str, *command: str) -> str:
        return self.cluster.output("exec", self.workload(service), "--container", service, "--", *command)

    def workload(self, service: str) -> str:
        """Return the name of a service's workload for kubectl: deployment/api."""
        kinds = {item["metadata"]["name"]: item["kind"] for item in self.cluster.objects("deployments,statefulsets")}
        return f"{kinds[service].lower()}/{service}"

    def run_cli(self, *command: str) -> str:
        return run_cli(self.cluster, *command)

    def run_one_off(self, code: str) -> str:
        template = self.flows_template
        (container,) = template["spec"]["containers"]
        kept = {name: value for name, value in container.items() if not name.endswith("Probe")}
        initial = [item for item in template["spec"]["initContainers"] if item["name"] not in LEFT_OUT]
        spec = {**template["spec"], "initContainers": initial, "containers": [{**kept, "args": ["python", "-c", code]}]}
        with self.pod("daily", spec) as name:
            output = self.log_at_end(name)
            assert self.phase(name) == "Succeeded", output
            return output

    @property
    def flows_template(self) -> Mapping[str, Any]:
        """The pod template of the flows."""
        template: Mapping[str, Any] = json.loads(self.cluster.output("get", "deployment", "flows", "-o", "json"))
        return template["spec"]["template"]

    def program(self, *arguments: str) -> Mapping[str, Any]:
        """Return the spec of a pod that runs Python, with no settings and no secrets."""
        (flows,) = self.flows_template["spec"]["containers"]
        container = {name: flows[name] for name in ("image", "imagePullPolicy", "securityContext")}
        container |= {"name": "program", "command": ["python", *arguments]}
        security = {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
        return {"containers": [container], "securityContext": security}

    @contextmanager
    def pod(self, label: str, spec: Mapping[str, Any]) -> Iterator[str]:
        """Create a pod with the label of a service, yield its name, and delete it."""
        name = f"one-off-{uuid.uuid4().hex[:8]}"
        metadata = {"name": name, "labels": {"app.kubernetes.io/name": label}}
        # A readiness gate that nothing sets: no Service sends it requests.
        own = {"restartPolicy": "Never", "readinessGates": [{"conditionType": "readmit/never"}]}
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {**spec, **own}}
        self.cluster.output("create", "--filename", "-", standard_input=json.dumps(body))
        try:
            yield name
        finally:
            self.cluster.output("delete", "pod", name, "--wait=false")

    def log_at_end(self, pod: str) -> str:
        """Return the log of a pod once it has ended."""
        wait_until(lambda: self.phase(pod) in ("Succeeded", "Failed"), READY_SECONDS)
        return self.cluster.output("logs", pod)

    def pods(self, name: str = "") -> list[Mapping[str, Any]]:
        """Return the pods that run or shall run, of all services or of one."""
        selector = f"app.kubernetes.io/name={name}" if name else SELECTOR
        pods = self.cluster.objects("pods", "--selector", selector)
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def ready_pods(self, name: str) -> list[Mapping[str, Any]]:
        """Return the ready pods of a service."""
        return [pod for pod in self.pods(name) if is_ready(pod)]

    def phase(self, pod: str) -> str:
        return self.cluster.output("get", "pod", pod, "--output", "jsonpath={.status.phase}")

    def restart(self) -> None:
        manifests = render(self.cluster, folder_of(self.cluster.namespace))
        self.cluster.output("delete", "pods", "--all", "--wait")
        wait_until(lambda: not unready(self.cluster, manifests), READY_SECONDS)
        self.close()

    def close(self) -> None:
        """End all forwarding."""
        self._forwards.close()


def stack_that_is_up() -> ClusterStack:
    return ClusterStack(cluster_of(ClusterSettings.from_environment()))


@contextmanager
def temporary_stack(data: Path) -> Iterator[ClusterStack]:
    """Bring a stack up in a namespace of its own, with a file of encounters, and delete it at the end."""
    own = {"namespace": NAMESPACE, "data": data, "api_key": None, "ingress_api_host": None, "ingress_ui_host": None}
    settings = ClusterSettings.from_environment()
    assert settings.namespace != NAMESPACE, "READMIT_NAMESPACE is that of the tests, which delete it"
    settings = settings.model_copy(update=own)
    stack = ClusterStack(cluster_of(settings))
    _remove(stack)
    try:
        # Grafana's image is not available everywhere, and nothing depends on it.
        variables = {**SETTINGS, "READMIT_SOURCE_BATCH_SIZE": str(BATCH_SIZE)}
        up(RolloutOptions(["grafana"], with_day=False), settings, variables, console())
        yield stack
    finally:
        stack.close()
        _remove(stack)


def _remove(stack: ClusterStack) -> None:
    stack.cluster.output("delete", "namespace", NAMESPACE, "--ignore-not-found")
    if stack.secrets_folder.exists():
        shutil.rmtree(stack.secrets_folder.parent)
