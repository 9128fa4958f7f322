"""`just k3s::status`: each workload with its pods, and below the table the last day and the served version."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from k3s.cluster import Cluster, forwarded
from k3s.commands import run_cli
from readmit.stacks.day_status import DaysSummary, status_lines
from readmit.stacks.errors import StackError


def fetch_days(cluster: Cluster) -> DaysSummary:
    """Return the days. Raises StackError when the pod of the flows does not run or cannot reach the ledger."""
    return DaysSummary(**json.loads(run_cli(cluster, "days", "--json")))


def show(cluster: Cluster, terminal: Console) -> None:
    """Print the status. Raises StackError when nothing runs."""
    workloads = cluster.objects("deployments,statefulsets", "--selector", "app.kubernetes.io/part-of=readmit")
    if not workloads:
        raise StackError("nothing runs on the cluster: `just k3s::up` starts it")
    pods = cluster.objects("pods", "--selector", "app.kubernetes.io/part-of=readmit")
    table = Table("service", "ready", "restarts", "image", "problem")
    for item in sorted(workloads, key=lambda item: str(item["metadata"]["name"])):
        table.add_row(*_row(item, pods))
    terminal.print(table)
    days: DaysSummary | StackError
    try:
        days = fetch_days(cluster)
    except StackError as error:
        days = error
    try:
        with forwarded(cluster, "api", 8000) as api, forwarded(cluster, "ec2-api", 5001) as source:
            lines = status_lines(days, api, source)
    except StackError as error:
        lines = [*([str(days)] if isinstance(days, StackError) else days.lines()), str(error)]
    for line in lines:
        terminal.print(line, markup=False)
    terminal.print("Pages: `just k3s::open`")


def _row(item: Mapping[str, Any], pods: Sequence[Mapping[str, Any]]) -> Sequence[str]:
    name, desired = str(item["metadata"]["name"]), item["spec"]["replicas"]
    own = [pod for pod in pods if pod["metadata"]["labels"].get("app.kubernetes.io/name") == name]
    states = [state for pod in own for state in pod["status"].get("containerStatuses", ())]
    ready = f"{item['status'].get('readyReplicas', 0)}/{desired}"
    image = str(item["spec"]["template"]["spec"]["containers"][0]["image"])
    return name, ready, str(sum(state["restartCount"] for state in states)), image, "; ".join(_problems(own))


def _problems(pods: Sequence[Mapping[str, Any]]) -> Sequence[str]:
    """Return why containers wait or pods cannot be scheduled, each reason once."""
    states = [
        state
        for pod in pods
        for state in (*pod["status"].get("initContainerStatuses", ()), *pod["status"].get("containerStatuses", ()))
    ]
    waiting = [state["state"]["waiting"].get("reason", "") for state in states if "waiting" in state["state"]]
    conditions = [item for pod in pods for item in pod["status"].get("conditions", ())]
    unscheduled = [item["message"] for item in conditions if item.get("reason") == "Unschedulable"]
    return list(dict.fromkeys((*filter(None, waiting), *unscheduled)))
