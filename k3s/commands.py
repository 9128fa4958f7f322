"""`just k3s::on COMMAND`: the commands of `just`, such as `day`, `sql` and `rollback`, on the cluster."""

import os
import sys
from collections.abc import Sequence
from functools import partial

from rich.console import Console

from k3s.cluster import Cluster, forwarded
from k3s.overlay import folder_of
from readmit.containers import day_commands, flow_runs
from readmit.containers.cli_environment import cli_environment
from readmit.containers.flow_runs import PrefectServer
from readmit.containers.secrets import PREFECT_LOGIN
from readmit.stacks.errors import StackError

FLOWS = ("deployment/flows", "--container", "flows", "--")


def run_command(cluster: Cluster, command: Sequence[str], terminal: Console) -> None:
    """Run a command: days as Prefect flow runs, everything else in the pod of the flows, in place of this process.

    Raises StackError when a day fails.
    """
    if command[0] not in day_commands.COMMANDS:
        tty = ["--stdin", "--tty"] if sys.stdin.isatty() and sys.stdout.isatty() else []
        argv = list(cluster.command("exec", *tty, *FLOWS, *_cli(command)))
        os.execvpe(argv[0], argv, cluster.environment())
    args = day_commands.parse(command)
    with forwarded(cluster, "prefect", 4200) as address:
        prefect = PrefectServer(address, prefect_login(cluster))
        in_flows = partial(cluster.output, "exec", *FLOWS, "python", "-c")
        day_commands.run_days(args, prefect, in_flows, terminal, has_jobs(prefect))


def run_cli(cluster: Cluster, *command: str) -> str:
    """Return the output of a `readmit` command in the pod of the flows. Raises StackError when it fails."""
    return cluster.output("exec", *FLOWS, *_cli(command))


def _cli(command: Sequence[str]) -> Sequence[str]:
    variables = [f"{name}={text}" for name, text in cli_environment(command[0]).items()]
    return ["env", *variables, "python", "-m", "readmit.cli", *command]


def has_jobs(prefect: PrefectServer) -> bool:
    """Return whether days run as Jobs, several at once. Raises StackError when Prefect is unavailable."""
    deployment = flow_runs.request(prefect, "GET", "/deployments/name/daily/daily")
    return isinstance(deployment, dict) and bool(deployment["work_pool_name"])


def prefect_login(cluster: Cluster) -> str:
    """Return the login of Prefect's API. Raises StackError when the file with it is missing."""
    file = folder_of(cluster.namespace) / "secrets" / PREFECT_LOGIN
    try:
        return file.read_text()
    except FileNotFoundError as error:
        raise StackError(f"{file}, which contains the Prefect login, is missing: `just k3s::up` creates it") from error
