"""Status of the stack: each service with its state, address and login, the days, and the served version."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import httpx
from rich.console import Console
from rich.table import Table

from readmit.containers.project import ComposeService, ContainerState, Project
from readmit.stacks.errors import StackError
from readmit.stacks.terminal import counted

LOGIN_HINTS = {
    "mysql": "user reader, {}/reader_password (just sql)",
    "grafana": "user admin, {}/grafana_password",
    "airflow": "user admin, {}/airflow_password",
    "prefect": "{}/prefect_login",
    "locust": "user admin, {}/locust_password",
}
"""Where user name and password are stored; other services require none on 127.0.0.1."""


@dataclass(frozen=True, slots=True)
class DaysSummary:
    """The output of `readmit days --json`."""

    done: Sequence[int]
    last: str | None

    @classmethod
    def fetch(cls, project: Project) -> "DaysSummary":
        """Return the summary. Raises StackError when the container does not run or cannot reach the ledger."""
        return cls(**json.loads(project.output("exec", "-T", "flows", "python", "-m", "readmit.cli", "days", "--json")))


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
    for line in _summary_lines(project, {service.name: service for service in services}):
        terminal.print(line, markup=False)


def _coloured(state: ContainerState) -> str:
    colour = "green" if state.status in ("healthy", "done", "running") else "red"
    return f"[{colour}]{state.status}[/{colour}]"


def _address_and_login(service: ComposeService, secrets: str) -> tuple[str, str]:
    address = ", ".join(port.address for port in service.ports) or "internal"
    return address, LOGIN_HINTS.get(service.name, "").format(secrets)


def _summary_lines(project: Project, services: Mapping[str, ComposeService]) -> list[str]:
    days: DaysSummary | None = None
    try:
        days = DaysSummary.fetch(project)
        last = "No day has been completed yet." if days.last is None else f"Last day: {days.last}"
    except StackError as error:
        last = f"The ledger is unavailable: {error}"
    return [
        last,
        _served_line(_fetch_json(services["api"], "/health")),
        _source_line(_fetch_json(services["ec2-api"], "/health"), days),
    ]


def _served_line(health: Mapping[str, object] | None) -> str:
    if health is None:
        return "The inference API does not respond."
    return f"Served: version {health['model_version']}" if health["model_loaded"] else "Served: no model yet"


def _source_line(health: Mapping[str, object] | None, days: DaysSummary | None) -> str:
    if health is None:
        return "The source does not respond."
    done = "" if days is None else f", {counted(len(days.done), 'batch', 'batches')} done"
    if health["exhausted"] and days is not None and len(days.done) == health["batches"]:
        return f"Source exhausted{done}."
    return f"Source: {health['released']} of {counted(int(str(health['batches'])), 'batch', 'batches')} released{done}."


def _fetch_json(service: ComposeService, path: str) -> Mapping[str, object] | None:
    """Return the JSON object that a service responds with, or None when it does not respond with one."""
    try:
        content = httpx.get(f"{service.ports[0].address}{path}", timeout=5.0, trust_env=False).json()
    except (httpx.HTTPError, ValueError):
        return None
    return content if isinstance(content, dict) else None
