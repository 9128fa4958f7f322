"""Status of the stack: each service with its state, address and login, the days, and the served version."""

import json

from rich.console import Console
from rich.table import Table

from readmit.containers.external_source import OWN_SERVICE
from readmit.containers.project import ROOT, ComposeService, ContainerState, Project
from readmit.stacks.day_status import DaysSummary, status_lines
from readmit.stacks.errors import StackError

LOGIN_HINTS = {
    "mysql": "user reader, {}/reader_password (just sql)",
    "grafana": "user admin, {}/grafana_password",
    "airflow": "user admin, {}/airflow_password",
    "prefect": "{}/prefect_login",
    "locust": "user admin, {}/locust_password",
    "ec2-api": "token for batches: {}/source_token",
}
"""Where user name and password, or the token, are stored; other services require none on 127.0.0.1."""


def fetch_days(project: Project) -> DaysSummary:
    """Return the days, by `readmit days --json`.

    Raises StackError when the container does not run or cannot reach the ledger.
    """
    output = project.output("exec", "-T", "flows", "python", "-m", "readmit.cli", "days", "--json")
    return DaysSummary(**json.loads(output))


def show(project: Project, terminal: Console) -> None:
    """Print the table of services, and below it the days, the served version and the source."""
    services, states = project.services(), {state.service: state for state in project.states()}
    table, secrets = Table("service", "state", "address", "login"), project.secrets_folder.relative_to(ROOT)
    for service in services:
        if state := states.get(service.name):
            table.add_row(service.name, _coloured(state), *_address_and_login(service, str(secrets)))
    terminal.print(table)
    not_started = [service.name for service in services if service.name not in states]
    if not_started:
        terminal.print(f"Not started: {', '.join(not_started)}. To start one: just up {not_started[0]}")
    for line in summary_lines(project):
        terminal.print(line, markup=False)


def _coloured(state: ContainerState) -> str:
    colour = "green" if state.status in ("healthy", "done", "running") else "red"
    return f"[{colour}]{state.status}[/{colour}]"


def _address_and_login(service: ComposeService, secrets: str) -> tuple[str, str]:
    address = ", ".join(port.address for port in service.ports) or "internal"
    return address, LOGIN_HINTS.get(service.name, "").format(secrets)


def summary_lines(project: Project) -> list[str]:
    """Return the lines on the last day, the served version and the source."""
    running = {state.service for state in project.states() if state.state == "running"}
    # While a service of this stack does not run, that of another one may be at its address.
    addresses = {
        service.name: service.ports[0].address if service.name in running else ""
        for service in project.services()
        if service.ports
    }
    days: DaysSummary | StackError
    try:
        days = fetch_days(project)
    except StackError as error:
        days = error
    return status_lines(days, addresses["api"], addresses.get(OWN_SERVICE))
