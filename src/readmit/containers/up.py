"""`just up`: check the requirements, then create secrets, build images, start containers, and start the first day."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from rich.console import Console

from readmit.containers import clones, flow_runs, preflight, secrets, status
from readmit.containers.container_diagnosis import diagnose
from readmit.containers.container_settings import ContainerSettings
from readmit.containers.external_source import OWN_SERVICE, SOURCE_TOKEN, select_servers
from readmit.containers.external_stores import ExternalServers
from readmit.containers.project import ComposeService, Project
from readmit.containers.user_project import external_secrets, own_project
from readmit.settings import Settings
from readmit.stacks.diagnosis import print_diagnoses
from readmit.stacks.errors import StackError

REQUIRED_FOR_DAY = {"prefect", "flows", "ec2-api", "api"}
"""The services that the first day needs."""


@dataclass(frozen=True, slots=True)
class UpOptions:
    """`only`: services to start with their dependencies, empty for all; `without`: those to leave out."""

    only: Sequence[str]
    without: Sequence[str]
    with_day: bool
    publish_stores: bool


def up(options: UpOptions, terminal: Console) -> None:
    """Start the stack, wait until it is healthy, and start the first day if none has been completed.

    Raises StackError when a requirement is missing or a service does not become healthy.
    """
    settings = ContainerSettings.from_environment()
    _require_data_file(settings)
    preflight.require_engine()
    servers, project = select_servers(settings), own_project(settings, options.publish_stores)
    clones.require_own_volumes(project.name, project.secrets_folder)
    secrets.create_missing(project.secrets_folder, external_secrets(settings), user_secrets(settings, servers))
    services = project.services()
    selected = select_services(services, without_replaced(options, servers.replaced))
    preflight.require_ports(project, services, selected)
    _start(project, selected, terminal)
    if options.with_day and set(selected) >= REQUIRED_FOR_DAY - set(servers.replaced):
        _start_first_day(project, terminal)
    status.show(project, terminal)


def user_secrets(settings: Settings, servers: ExternalServers) -> dict[str, str]:
    """Return the secrets of the stack's own services that the user has set. Without a key the API requires none."""
    secrets = {"api_key": "" if settings.api_key is None else settings.secret("api_key")}
    if settings.source_token is not None and OWN_SERVICE not in servers.replaced:
        secrets[SOURCE_TOKEN] = settings.secret("source_token")
    return secrets


def _start(project: Project, services: Sequence[str], terminal: Console) -> None:
    """Start services and wait until they are healthy. Raises StackError, after the reasons, when one is not."""
    try:
        # Orphans: the container of a service that an external server has replaced since.
        project.run("up", "--detach", "--build", "--wait", "--remove-orphans", *services)
    except StackError:
        print_diagnoses(diagnose(project, ()), terminal)
        raise


def _require_data_file(settings: Settings) -> None:
    if settings.data is not None and not settings.data.is_file():
        raise StackError(f"READMIT_DATA: {settings.data} is not a file")


def without_replaced(options: UpOptions, replaced: Sequence[str]) -> UpOptions:
    """Return the options without services that an external server replaces. Raises StackError when none is left."""
    only, without = ([name for name in names if name not in replaced] for names in (options.only, options.without))
    if options.only and not only:
        names = ", ".join(options.only)
        raise StackError(f"{names} is not started here, because the settings select an external server in its place")
    return replace(options, only=only, without=without)


def select_services(services: Sequence[ComposeService], options: UpOptions) -> list[str]:
    """Return the names of the services to start, including dependencies.

    Raises StackError when a name is unknown, or a dependency is left out.
    """
    known = {service.name: service for service in services}
    default = [service.name for service in services if not service.on_demand]
    if unknown := sorted({*options.only, *options.without} - set(known)):
        raise StackError(f"unknown service {', '.join(unknown)}; known services: {', '.join(known)}")
    selected = _with_dependencies(known, (name for name in options.only or default if name not in options.without))
    for name in sorted(selected):
        if missing := sorted(set(known[name].needs) & set(options.without)):
            raise StackError(f"{name} needs {', '.join(missing)}: also leave out {name} (--without {name})")
    return sorted(selected)


def _with_dependencies(known: dict[str, ComposeService], names: Iterable[str]) -> set[str]:
    selected, pending = set[str](), list(names)
    while pending:
        name = pending.pop()
        if name not in selected:
            selected.add(name)
            pending += known[name].needs
    return selected


def _start_first_day(project: Project, terminal: Console) -> None:
    if status.fetch_days(project).done:
        return
    prefect = flow_runs.prefect_server(project)
    page = flow_runs.page_url(prefect, flow_runs.start(prefect, {"max_batches": 1}))
    terminal.print(f"The first day has started: {page}, or `just logs flows`.", soft_wrap=True)
