"""`just why [SERVICE]` on containers: what the engine knows of each container that is not healthy."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from readmit.containers.project import Project, container_ids, output
from readmit.stacks.diagnosis import NOT_STARTED, Diagnosis
from readmit.stacks.errors import StackError

LOG_LINES, HEALTH_LINES = 15, 5
SERVICE_LABEL, ONE_OFF_LABEL = "com.docker.compose.service", "com.docker.compose.oneoff"
LONG_RUNNING = "unless-stopped"
"""The restart policy of every service that is to run until it is stopped (compose/service.yaml)."""


@dataclass(frozen=True, slots=True)
class ContainerDetails:
    """A container as `docker inspect` shows it. `status`: running, exited ...; `health`: empty without a check."""

    service: str
    status: str
    exit_code: int
    out_of_memory: bool
    error: str
    restarts: int
    long_running: bool
    health: str
    health_output: str

    @property
    def is_ready(self) -> bool:
        """Whether it is as it should be: healthy, or finished where it has a task to finish."""
        if self.status == "exited":
            return self.exit_code == 0 and not self.long_running
        return self.status == "running" and self.health in ("healthy", "")

    @property
    def state(self) -> str:
        """The state for people."""
        restarts = f" ({self.restarts} restarts so far)" if self.restarts else ""
        if self.status == "running":
            return f"{self.health or self.status}{restarts}"
        if self.status in ("exited", "dead"):
            return f"exited with code {self.exit_code}{restarts}"
        if self.status == "restarting":
            return f"restarting after exit code {self.exit_code}{restarts}"
        return "created, but not started" if self.status == "created" else self.status

    def satisfies(self, condition: str) -> bool:
        """Return whether a service may start that depends on this one by a condition of Compose."""
        if condition == "service_completed_successfully":
            return self.status == "exited" and self.exit_code == 0
        return self.status == "running" and (condition == "service_started" or self.health == "healthy")


def diagnose(project: Project, names: Sequence[str]) -> list[Diagnosis]:
    """Return what is wrong with the named services, or without names with every service that is not healthy.

    A service without a container counts only when it is named. Raises StackError when a name is unknown.
    """
    conditions = project.dependency_conditions()
    if unknown := sorted(set(names) - set(conditions)):
        raise StackError(f"unknown service {', '.join(unknown)}; known services: {', '.join(sorted(conditions))}")
    containers = _inspect(project)
    started = {container.service: container for container in containers}
    missing = [_not_started(name, conditions[name], started) for name in names if name not in started]
    # A service that the Compose files no longer have may have left a container: it is not part of the stack.
    known = (item for item in containers if item.service in conditions)
    chosen = (item for item in known if not item.is_ready and (not names or item.service in names))
    return [*missing, *(_diagnose(project, item, conditions[item.service], started) for item in chosen)]


def _diagnose(
    project: Project, container: ContainerDetails, needs: Mapping[str, str], started: Mapping[str, ContainerDetails]
) -> Diagnosis:
    options = ("--no-color", "--no-log-prefix", "--tail", str(LOG_LINES))
    return Diagnosis(
        container.service,
        container.state,
        _start_command(container.service),
        exit_code=None if container.status in ("running", "created") else container.exit_code,
        out_of_memory=container.out_of_memory,
        error=container.error,
        # One that has started found its dependencies ready; what it could not reach afterwards is in its log.
        waits_for=tuple(_unmet(needs, started)) if container.status == "created" else (),
        health_check=container.health_output.splitlines()[-HEALTH_LINES:],
        log=project.output("logs", *options, container.service).splitlines()[-LOG_LINES:],
    )


def _not_started(name: str, needs: Mapping[str, str], started: Mapping[str, ContainerDetails]) -> Diagnosis:
    return Diagnosis(name, NOT_STARTED, _start_command(name), waits_for=tuple(_unmet(needs, started)))


def _start_command(service: str) -> str:
    return f"just up {service}"


def _unmet(needs: Mapping[str, str], started: Mapping[str, ContainerDetails]) -> Iterator[str]:
    """Yield each dependency that is not ready, with its state."""
    for name, condition in sorted(needs.items()):
        container = started.get(name)
        if container is None or not container.satisfies(condition):
            yield f"{name} ({NOT_STARTED if container is None else container.state})"


def _inspect(project: Project) -> list[ContainerDetails]:
    """Return the containers of a project by service, without those of `docker compose run`."""
    ids = container_ids(project.name, include_stopped=True)
    inspected = json.loads(output(["docker", "inspect", *ids])) if ids else []
    details = [_details(item) for item in inspected if item["Config"]["Labels"].get(ONE_OFF_LABEL) != "True"]
    return sorted(details, key=lambda item: item.service)


def _details(inspected: Mapping[str, Any]) -> ContainerDetails:
    state = inspected["State"]
    health = state.get("Health") or {}
    checks = health.get("Log") or []
    return ContainerDetails(
        service=inspected["Config"]["Labels"][SERVICE_LABEL],
        status=state["Status"],
        exit_code=state["ExitCode"],
        out_of_memory=state["OOMKilled"],
        error=state["Error"],
        restarts=inspected["RestartCount"],
        long_running=inspected["HostConfig"]["RestartPolicy"]["Name"] == LONG_RUNNING,
        health=health.get("Status", ""),
        health_output=checks[-1]["Output"].strip() if checks else "",
    )
