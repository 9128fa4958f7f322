"""What must be there before containers are started: each fault is one sentence."""

import json
import re
import shutil
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from readmit.containers.project import ROOT, ComposeService, Port, Project, output
from readmit.stacks.errors import StackError

COMPOSE = (2, 24)
LEAST_BYTES = int(3.7 * 2**30)
"""4 GB, as machines and virtual machines of that size report it."""
LEAST_CPUS = 2
LEAST_DISK_BYTES = 10 * 2**30


@dataclass(frozen=True, slots=True)
class Engine:
    """The machine that the containers run on, as the engine tells it. `root`: where it keeps images and volumes."""

    memory_bytes: int
    cpus: int
    root: Path


def require_engine() -> None:
    """StackRefused: Docker, Compose or room for them is missing; one sentence says what."""
    engine = _engine()
    _require_compose()
    _require_resources(engine)


def require_ports(project: Project, services: Iterable[ComposeService], wanted: Collection[str]) -> None:
    """StackRefused: a port of a service that is wanted and does not run yet is taken, and by whom."""
    running = {state.service for state in project.states() if state.state == "running"}
    starting = [service for service in services if service.name in wanted and service.name not in running]
    _require_free(port for service in starting for port in service.ports)


def _require_compose() -> None:
    try:
        said = output(["docker", "compose", "version", "--short"]).strip()
    except StackError as error:
        raise StackError("Docker has no Compose: https://docs.docker.com/compose/install/") from error
    found = re.match(r"v?(\d+)\.(\d+)", said)
    if found is None or tuple(map(int, found.groups())) < COMPOSE:
        wanted = ".".join(map(str, COMPOSE))
        raise StackError(f"Docker Compose is {said or 'of no known version'}; {wanted} or newer is needed")


def _engine() -> Engine:
    try:
        told = json.loads(output(["docker", "info", "--format", "{{json .}}"]))
        return Engine(int(told["MemTotal"]), int(told["NCPU"]), Path(told["DockerRootDir"]))
    except (StackError, ValueError, KeyError, TypeError) as error:
        if shutil.which("docker") is None:
            raise
        raise StackError("Docker is installed, but its engine does not answer: start it") from error


def _require_resources(engine: Engine) -> None:
    if engine.memory_bytes < LEAST_BYTES:
        raise StackError(f"Docker has {engine.memory_bytes / 2**30:.1f} GB of memory; 4 GB are needed")
    if engine.cpus < LEAST_CPUS:
        raise StackError(f"Docker has {engine.cpus} CPU core; {LEAST_CPUS} are needed")
    # Where the engine has a machine of its own, its disk can't be asked.
    free = shutil.disk_usage(engine.root if engine.root.exists() else ROOT).free
    if free < LEAST_DISK_BYTES:
        raise StackError(f"{free / 2**30:.1f} GB of disk are free; 10 GB are needed for images and data")


def _require_free(ports: Iterable[Port]) -> None:
    taken = _listening()
    for port in ports:
        if port.number in taken:
            raise StackError(
                f"port {port.number}, which {port.service} needs, is taken by {_who(port.number, taken[port.number])}: "
                f"end that, or set READMIT_{port.service.upper().replace('-', '_')}_PORT to another one"
            )


def _listening() -> dict[int, int | None]:
    """Ports that a program listens on, and its process, where that may be known."""
    try:
        found = psutil.net_connections("tcp")
        return {each.laddr.port: each.pid for each in found if each.laddr and each.status == psutil.CONN_LISTEN}
    except psutil.AccessDenied:
        # On macOS only one's own processes may be asked.
        return {port: process.pid for process in psutil.process_iter() for port in _ports_of(process)}


def _ports_of(process: psutil.Process) -> list[int]:
    try:
        found = process.net_connections("tcp")
        return [each.laddr.port for each in found if each.laddr and each.status == psutil.CONN_LISTEN]
    except psutil.Error:
        return []


def _who(port: int, pid: int | None) -> str:
    names = output(["docker", "ps", "--filter", f"publish={port}", "--format", "{{.Names}}"]).split()
    if names:
        return f"the container {names[0]}"
    with suppress(psutil.Error):
        if pid is not None:
            return f"{psutil.Process(pid).name()} (process {pid})"
    return "another program"
