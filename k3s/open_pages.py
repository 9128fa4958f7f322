"""`just k3s::open`: forward the ports of the services to 127.0.0.1, where their links expect them, until Ctrl-C."""

import subprocess
import time
from collections.abc import Mapping

from rich.console import Console

from k3s.cluster import Cluster
from readmit.containers.preflight import listening_ports
from readmit.stacks.errors import StackError

OPENED = "readmit/open=true"
"""The label of the Services to forward."""
RESTART_SECONDS = 1.0


def services(cluster: Cluster) -> Mapping[str, int]:
    """Return the port of each service that is forwarded, by name."""
    return {
        str(item["metadata"]["name"]): int(item["spec"]["ports"][0]["port"])
        for item in cluster.objects("services", "--selector", OPENED)
    }


def open_pages(cluster: Cluster, terminal: Console) -> None:
    """Forward the ports until an interrupt, again when a pod is replaced. Raises StackError when a port is taken."""
    opened = services(cluster)
    if not opened:
        raise StackError("nothing runs on the cluster: `just k3s::up` starts it")
    if taken := sorted(set(opened.values()) & set(listening_ports())):
        names = ", ".join(name for name, port in opened.items() if port in taken)
        raise StackError(f"port {taken[0]} of this machine is in use, which {names} needs: stop the program there")
    for name, port in opened.items():
        terminal.print(f"{name:12} http://127.0.0.1:{port}")
    terminal.print("Ctrl-C ends it.")
    processes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        while True:
            for name, port in opened.items():
                if name not in processes or processes[name].poll() is not None:
                    processes[name] = _forward(cluster, name, port)
            time.sleep(RESTART_SECONDS)
    finally:
        for process in processes.values():
            process.terminate()


def _forward(cluster: Cluster, service: str, port: int) -> subprocess.Popen[bytes]:
    command = cluster.command("port-forward", "--address", "127.0.0.1", f"service/{service}", f"{port}:{port}")
    return subprocess.Popen(command, env=cluster.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
