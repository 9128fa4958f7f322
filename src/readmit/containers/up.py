"""`just up`: what is missing is said before anything starts; then secrets, images, containers, and the first day."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console

from readmit.containers import flow_runs, preflight, secrets, status
from readmit.containers.external_stores import chosen
from readmit.containers.project import ComposeService, Project
from readmit.containers.user_project import SECRETS, SHOWN_SECRETS, project_of
from readmit.settings import Settings, load
from readmit.stacks.errors import StackError

FOR_A_DAY = {"prefect", "flows", "ec2-api", "api"}
"""What has to be up for the first day."""


@dataclass(frozen=True, slots=True)
class UpOptions:
    """`only`: these and what they need, all if empty; `without`: all but these; `with_day`: the first day starts."""

    only: Sequence[str]
    without: Sequence[str]
    with_day: bool
    publish_stores: bool


def up(asked: UpOptions, terminal: Console) -> None:
    """Starts and waits until all is healthy; where nothing has come yet, the first day starts by itself.

    StackRefused: something is missing, or does not become healthy.
    """
    settings = load()
    _require_data(settings)
    preflight.require_engine()
    api_key = "" if settings.api_key is None else settings.secret("api_key")
    secrets.make(SECRETS, chosen(settings).secrets, api_key)
    project = project_of(settings, asked.publish_stores)
    services = project.services()
    wanted = wanted_of(services, asked)
    preflight.require_ports(project, services, wanted)
    project.run("up", "--detach", "--build", "--wait", *wanted)
    if asked.with_day and set(wanted) >= FOR_A_DAY:
        _first_day(project, terminal)
    status.show(project, SHOWN_SECRETS, terminal)


def _require_data(settings: Settings) -> None:
    if settings.data is not None and not settings.data.expanduser().is_file():
        raise StackError(f"READMIT_DATA: {settings.data} is no file")


def wanted_of(services: Sequence[ComposeService], asked: UpOptions) -> list[str]:
    """Names of those to start, and of what they need. StackRefused: one is unknown, or left out and yet needed."""
    known = {service.name: service for service in services}
    usual = [service.name for service in services if not service.by_name]
    if unknown := sorted({*asked.only, *asked.without} - set(known)):
        raise StackError(f"there is no service {', '.join(unknown)}; there are {', '.join(known)}")
    wanted = _with_needs(known, (name for name in asked.only or usual if name not in asked.without))
    for name in sorted(wanted):
        if missing := sorted(set(known[name].needs) & set(asked.without)):
            raise StackError(f"{name} needs {', '.join(missing)}: leave {name} out, too (--without {name})")
    return sorted(wanted)


def _with_needs(known: dict[str, ComposeService], names: Iterable[str]) -> set[str]:
    found, ahead = set[str](), list(names)
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            ahead += known[name].needs
    return found


def _first_day(project: Project, terminal: Console) -> None:
    if status.DaysSummary.of(project).done:
        return
    prefect = flow_runs.server_of(project)
    page = flow_runs.page(prefect, flow_runs.start(prefect, {}))
    terminal.print(f"The first day has begun: {page}, or `just logs flows`.", soft_wrap=True)
