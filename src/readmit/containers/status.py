"""Status of the stack: each service with its state, address and login, the days, and the served version."""

import json

from rich.console import Console
from rich.table import Table

from readmit.containers.project import ComposeService, ContainerState, Project
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


def show(project: Project, secrets: str, terminal: Console) -> None:
    """Print the table of services, and below it the days, the served version and the source."""
    services, states = project.services(), {state.service: state for state in project.states()}
    table = Table("service", "state", "address", "login")
    for service in services:
        if state := states.get(service.name):
            table.add_row(service.name, _coloured(state), *_address_and_login(service, secrets))
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
    services = {service.name: service for service in project.services()}
    days: DaysSummary | StackError
    try:
        days = fetch_days(project)
    except StackError as error:
        days = error
    source = services["ec2-api"].ports[0].address if "ec2-api" in services else None
    return status_lines(days, services["api"].ports[0].address, source)
