"""The cluster that the settings name, reached by kubectl. The only caller of kubectl and k3s."""

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any, TextIO
from urllib.parse import urlsplit

import psutil

from k3s.cluster_settings import ClusterSettings
from readmit.settings import environment_with
from readmit.stacks.errors import StackError

ROOT = Path(__file__).parents[1]
DEFAULT_KUBECONFIGS = (Path("~/.kube/config"), Path("/etc/rancher/k3s/k3s.yaml"))
"""The user's own, and that of k3s on this machine, which only root can read by default."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A namespace of a cluster. `kubeconfig`: the file with the cluster's address and login."""

    kubeconfig: Path
    namespace: str

    def command(self, *arguments: str) -> Sequence[str]:
        """Return the command line of kubectl."""
        return [*kubectl(), "--namespace", self.namespace, *arguments]

    def environment(self) -> Mapping[str, str]:
        """Return this process's environment with the cluster's kubeconfig."""
        return environment_with({"KUBECONFIG": str(self.kubeconfig)})

    def output(self, *arguments: str, standard_input: str | None = None) -> str:
        """Return the output of kubectl. Raises StackError with its error output when it fails."""
        result = subprocess.run(
            self.command(*arguments),
            env=self.environment(),
            cwd=ROOT,
            input=standard_input,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            raise StackError(result.stderr.strip() or f"kubectl {arguments[0]} failed with {result.returncode}")
        return result.stdout

    def objects(self, *arguments: str) -> Sequence[Mapping[str, Any]]:
        """Return the objects of a `kubectl get`. Raises StackError when it fails."""
        items: Sequence[Mapping[str, Any]] = json.loads(self.output("get", *arguments, "--output", "json"))["items"]
        return items

    def api_servers(self) -> Sequence[tuple[str, int]]:
        """Return the addresses and ports of its API servers, as pods reach them."""
        label = "kubernetes.io/service-name=kubernetes"
        slices = self.objects("endpointslices.discovery.k8s.io", "--namespace", "default", "--selector", label)
        return sorted(
            (str(address), int(port["port"]))
            for item in slices
            for port in item["ports"]
            for endpoint in item["endpoints"]
            for address in endpoint["addresses"]
        )

    def is_on_this_machine(self) -> bool:
        """Return whether its API server has an address of this machine."""
        server = self.output("config", "view", "--minify", "--output", "jsonpath={.clusters[0].cluster.server}")
        try:
            addresses = {item[4][0] for item in socket.getaddrinfo(urlsplit(server).hostname, None)}
        except OSError:
            return False
        return bool(addresses & {item.address for items in psutil.net_if_addrs().values() for item in items})


def kubectl() -> Sequence[str]:
    """Return the command kubectl, or that of k3s. Raises StackError when neither is installed."""
    if shutil.which("kubectl"):
        return ["kubectl"]
    if shutil.which("k3s"):
        return ["k3s", "kubectl"]
    raise StackError("kubectl is not installed: install k3s (https://docs.k3s.io/quick-start), which contains it")


def cluster_of(settings: ClusterSettings) -> Cluster:
    """Return the cluster that the settings name. Raises StackError when its file cannot be read."""
    file = settings.kubeconfig
    if file is None:
        defaults = (path.expanduser() for path in DEFAULT_KUBECONFIGS)
        file = next((path for path in defaults if path.exists()), None)
    if file is None:
        raise StackError("KUBECONFIG is not set, and this machine has no k3s: set it to the file of a cluster")
    try:
        file.open().close()
    except OSError as error:
        raise StackError(
            f"{file}, which has the login of the cluster: {error.strerror}. Set KUBECONFIG to a file that you can read"
        ) from error
    return Cluster(file, settings.namespace)


def start_forwarding(cluster: Cluster, service: str, port: int) -> tuple[subprocess.Popen[str], str]:
    """Forward a free port of this machine to a service; return the process that does it, and the address.

    Raises StackError when no pod of the service runs.
    """
    options = ("--pod-running-timeout=5s", "--address", "127.0.0.1")
    process = subprocess.Popen(
        cluster.command("port-forward", *options, f"service/{service}", f":{port}"),
        env=cluster.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    # Forwarding from 127.0.0.1:34567 -> 8000
    line = process.stdout.readline()
    if not line.startswith("Forwarding from "):
        process.terminate()
        raise StackError(f"port {port} of {service} cannot be forwarded: {line}{process.stdout.read()}".rstrip())
    # kubectl prints a line for each connection, and would wait when nobody reads them.
    Thread(target=_drain, args=(process.stdout,), daemon=True).start()
    return process, f"http://{line.split()[2]}"


def _drain(output: TextIO) -> None:
    for _ in output:
        pass


@contextmanager
def forwarded(cluster: Cluster, service: str, port: int) -> Iterator[str]:
    """Forward a free port of this machine to a service while the context lasts, and yield its address.

    Raises StackError when no pod of the service runs.
    """
    process, address = start_forwarding(cluster, service, port)
    try:
        yield address
    finally:
        process.terminate()
        process.wait()
