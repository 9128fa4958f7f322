"""Checks before containers are started; each error is one sentence."""

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

MIN_COMPOSE_VERSION = (2, 24)
MIN_MEMORY_BYTES = int(3.7 * 2**30)
"""4 GB, as machines and virtual machines of that size report it."""
MIN_CPUS = 2
MIN_DISK_BYTES = 10 * 2**30


@dataclass(frozen=True, slots=True)
class Engine:
    """The machine that runs the containers, as the engine reports it. `root`: its folder of images and volumes."""

    memory_bytes: int
    cpus: int
    root: Path


def require_engine() -> None:
    """Check Docker, Compose, memory, CPUs and disk. Raises StackError when one is missing or too small."""
    engine = _inspect_engine()
    _require_compose()
    _require_resources(engine)


def require_ports(project: Project, services: Iterable[ComposeService], selected: Collection[str]) -> None:
    """Check the ports of the services to start. Raises StackError when another program listens on one."""
    running = {state.service for state in project.states() if state.state == "running"}
    starting = [service for service in services if service.name in selected and service.name not in running]
    _require_free(port for service in starting for port in service.ports)


def _require_compose() -> None:
    try:
        version = output(["docker", "compose", "version", "--short"]).strip()
    except StackError as error:
        raise StackError("Docker Compose is not installed: https://docs.docker.com/compose/install/") from error
    match = re.match(r"v?(\d+)\.(\d+)", version)
    if match is None or tuple(map(int, match.groups())) < MIN_COMPOSE_VERSION:
        required = ".".join(map(str, MIN_COMPOSE_VERSION))
        raise StackError(f"Docker Compose {required} or newer is required; found {version or 'an unknown version'}")


def _inspect_engine() -> Engine:
    try:
        info = json.loads(output(["docker", "info", "--format", "{{json .}}"]))
        return Engine(int(info["MemTotal"]), int(info["NCPU"]), Path(info["DockerRootDir"]))
    except (StackError, ValueError, KeyError, TypeError) as error:
        if shutil.which("docker") is None:
            raise
        raise StackError("Docker is installed, but its engine does not respond: start it") from error


def _require_resources(engine: Engine) -> None:
    if engine.memory_bytes < MIN_MEMORY_BYTES:
        raise StackError(f"Docker has {engine.memory_bytes / 2**30:.1f} GB of memory; at least 4 GB is required")
    if engine.cpus < MIN_CPUS:
        raise StackError(f"Docker has {engine.cpus} CPU core; at least {MIN_CPUS} are required")
    # Where the engine runs in a virtual machine, its disk cannot be inspected.
    free = shutil.disk_usage(engine.root if engine.root.exists() else ROOT).free
    if free < MIN_DISK_BYTES:
        raise StackError(f"{free / 2**30:.1f} GB of disk space is free; images and data need 10 GB")


def _require_free(ports: Iterable[Port]) -> None:
    listening = listening_ports()
    taken = [port for port in ports if port.number in listening]
    if taken:
        uses = (
            f"port {port.number}, which {port.service} needs, is in use by "
            f"{_port_owner(port.number, listening[port.number])}"
            for port in taken
        )
        settings = (f"READMIT_{port.service.upper().replace('-', '_')}_PORT" for port in taken)
        way_out = "it, or set {} to another port" if len(taken) == 1 else "them, or set {} to other ports"
        raise StackError(f"{'; '.join(uses)}: stop {way_out.format(', '.join(settings))}")


def listening_ports() -> dict[int, int | None]:
    """Return the ports that programs listen on, with the process id where it is accessible."""
    try:
        connections = psutil.net_connections("tcp")
        return {item.laddr.port: item.pid for item in connections if item.laddr and item.status == psutil.CONN_LISTEN}
    except psutil.AccessDenied:
        # On macOS only the user's own processes are accessible.
        return {port: process.pid for process in psutil.process_iter() for port in _listening_ports_of(process)}


def _listening_ports_of(process: psutil.Process) -> list[int]:
    try:
        connections = process.net_connections("tcp")
        return [item.laddr.port for item in connections if item.laddr and item.status == psutil.CONN_LISTEN]
    except psutil.Error:
        return []


def _port_owner(port: int, pid: int | None) -> str:
    names = output(["docker", "ps", "--filter", f"publish={port}", "--format", "{{.Names}}"]).split()
    if names:
        return f"the container {names[0]}"
    with suppress(psutil.Error):
        if pid is not None:
            return f"{psutil.Process(pid).name()} (process {pid})"
    return "another program"
