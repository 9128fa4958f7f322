"""What runs where: each service with its state, address and login, the days, and the version that is served."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import httpx
from rich.console import Console
from rich.table import Table

from readmit.containers.project import ComposeService, ContainerState, Project
from readmit.stacks.errors import StackError
from readmit.stacks.terminal import counted

LOGIN = {
    "mysql": "user reader, {}/reader_password (just sql)",
    "grafana": "user admin, {}/grafana_password",
    "airflow": "user admin, {}/airflow_password",
    "prefect": "{}/prefect_login",
    "locust": "user admin, {}/locust_password",
}
"""Where user name and password lie; the others ask for none on 127.0.0.1."""


@dataclass(frozen=True, slots=True)
class DaysSummary:
    """What `readmit days` tells."""

    done: Sequence[int]
    last: str | None

    @classmethod
    def of(cls, project: Project) -> "DaysSummary":
        """StackRefused: the container that can tell does not run, or can't reach the ledger."""
        return cls(**json.loads(project.output("exec", "-T", "flows", "python", "-m", "readmit.cli", "days", "--json")))


def show(project: Project, secrets: str, terminal: Console) -> None:
    """The whole table, and under it what the days have come to."""
    services, states = project.services(), {state.service: state for state in project.states()}
    table = Table("service", "state", "address", "login")
    for service in services:
        if state := states.get(service.name):
            table.add_row(service.name, _coloured(state), *_where(service, secrets))
    terminal.print(table)
    absent = [service.name for service in services if service.name not in states]
    if absent:
        terminal.print(f"Not started: {', '.join(absent)}. To start one: just up {absent[0]}")
    for line in _of_the_days(project, {service.name: service for service in services}):
        terminal.print(line, markup=False)


def _coloured(state: ContainerState) -> str:
    colour = "green" if state.in_words in ("healthy", "done", "running") else "red"
    return f"[{colour}]{state.in_words}[/{colour}]"


def _where(service: ComposeService, secrets: str) -> tuple[str, str]:
    return ", ".join(port.address for port in service.ports) or "inside", LOGIN.get(service.name, "").format(secrets)


def _of_the_days(project: Project, services: Mapping[str, ComposeService]) -> list[str]:
    days: DaysSummary | None = None
    try:
        days = DaysSummary.of(project)
        last = "No day is done yet." if days.last is None else f"Last day: {days.last}"
    except StackError as error:
        last = f"The ledger can't be asked: {error}"
    return [
        last,
        _served(_told(services["api"], "/health")),
        _source(_told(services["ec2-api"], "/health"), days),
    ]


def _served(health: Mapping[str, object] | None) -> str:
    if health is None:
        return "The inference API does not answer."
    return (
        f"Served: version {health['model_version']}"
        if health["model_loaded"]
        else "Served: nothing; no model is there yet"
    )


def _source(health: Mapping[str, object] | None, days: DaysSummary | None) -> str:
    if health is None:
        return "The source does not answer."
    done = "" if days is None else f", {counted(len(days.done), 'batch', 'batches')} done"
    if health["exhausted"] and days is not None and len(days.done) == health["batches"]:
        return f"Source exhausted{done}."
    return f"Source: {health['released']} of {counted(int(str(health['batches'])), 'batch', 'batches')} released{done}."


def _told(service: ComposeService, path: str) -> Mapping[str, object] | None:
    """What a service says; None: it does not answer."""
    try:
        told = httpx.get(f"{service.ports[0].address}{path}", timeout=5.0, trust_env=False).json()
    except (httpx.HTTPError, ValueError):
        return None
    return told if isinstance(told, dict) else None
