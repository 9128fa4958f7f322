"""`just k3s::on COMMAND`: the commands of `just`, such as `day`, `sql` and `rollback`, on the cluster."""

from collections.abc import Sequence

from rich.console import Console

from k3s.cluster import Cluster, forwarded
from k3s.overlay import folder_of
from readmit.containers import day_commands, flow_runs
from readmit.containers.flow_runs import PrefectServer
from readmit.containers.secrets import PREFECT_LOGIN
from readmit.settings import COMMAND_LOG
from readmit.stacks.errors import StackError

IN_FLOWS = ("exec", "deployment/flows", "--container", "flows", "--")
CLI = ("python", "-m", "readmit.cli")
CONTAINER_LOG = f"{COMMAND_LOG}=/proc/1/fd/2"
READER = (
    "READMIT_DATABASE_URL=mysql://reader@mysql:3306",
    "READMIT_DATABASE_PASSWORD_FILE=/run/secrets/reader_password",
)
"""The read-only account of `sql`."""


def run_command(cluster: Cluster, command: Sequence[str], terminal: Console) -> None:
    """Run a command: days as Prefect flow runs, everything else in the pod of the flows.

    Raises StackError when it fails.
    """
    if command[0] not in day_commands.COMMANDS:
        terminal.print(run_cli(cluster, *command), end="", markup=False, soft_wrap=True)
        return
    args = day_commands.parse(command)
    with forwarded(cluster, "prefect", 4200) as address:
        prefect = PrefectServer(address, prefect_login(cluster))
        day_commands.run_days(
            args, prefect, lambda code: cluster.output(*IN_FLOWS, "python", "-c", code), terminal, has_jobs(prefect)
        )


def run_cli(cluster: Cluster, *command: str) -> str:
    """Return the output of a `readmit` command in the pod of the flows. Raises StackError when it fails."""
    variables = [CONTAINER_LOG, *(READER if command[0] == "sql" else ())]
    return cluster.output(*IN_FLOWS, "env", *variables, *CLI, *command)


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
