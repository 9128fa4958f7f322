"""The whole system on one machine without containers: the same services as processes, SQLite instead of MySQL."""

import json
import random
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from readmit.embedded.environment import s3_variables, stack_environment, variables
from readmit.embedded.liveness import is_alive
from readmit.embedded.processes import Processes, ServiceProcess
from readmit.embedded.seaweedfs import INNER_PORTS
from readmit.embedded.services import services
from readmit.io.database import leases
from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate
from readmit.io.object_store import Bucket
from readmit.network_variables import outside_variables
from readmit.settings import Settings, load
from readmit.stacks import atomic_file
from readmit.stacks.errors import StackError

HOST = "127.0.0.1"
SERVICES = ("ec2-api", "s3", "mlflow", "api")
"""Services with a port; a demo uses free ones."""
LOCAL_SERVICES = (*SERVICES, "ui")
"""Services of a stack that stays up; their ports are settings, so that the addresses of pages don't change."""
STACK_FILE = "stack.json"
CLOCK_TOLERANCE_SECONDS = 2.0
"""The start time of a process shifts a little when the system's clock is adjusted."""
PORT_RANGE = range(15_000, 32_000)
_allocated_ports: set[int] = set()


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack. `environment`: what our own processes need to use it; `addresses`: by service."""

    folder: Path
    addresses: Mapping[str, str]
    environment: Mapping[str, str]
    processes: Processes


@dataclass(frozen=True, slots=True)
class StackState:
    """A stack that a process runs: `owner` is its pid, `began` its start time.

    `variables`: those with which a command reaches the stack.
    """

    owner: int
    began: float
    addresses: Mapping[str, str]
    variables: Mapping[str, str]


def free_ports(count: int) -> list[int]:
    """Return distinct ports that nothing listens on and that this process has not returned before.

    They are below 32768: systems take ports of outgoing connections from there on, which may be in use a moment later.
    """
    while len(ports := [port for port in random.sample(PORT_RANGE, 4 * count) if _is_free(port)]) < count:
        pass
    _allocated_ports.update(ports[:count])
    return ports[:count]


def _is_free(port: int) -> bool:
    return port not in _allocated_ports and not _is_taken(port)


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def configured_ports(settings: Settings) -> dict[str, int]:
    """Return the port of each service of a stack that stays up, from the settings."""
    return {name: getattr(settings, f"{name.replace('-', '_')}_port") for name in LOCAL_SERVICES}


@contextmanager
def running(folder: Path, ports: Mapping[str, int], extra: Mapping[str, str]) -> Iterator[Stack]:
    """Run a stack whose state is in `folder`, and stop it when the block is left. `extra`: additional variables.

    Raises StackError when it runs already, its folder can't be closed to other users, or a port is in use, and
    ServiceError when a service does not become healthy.
    """
    folder = folder.absolute()
    atomic_file.make_folder(folder)
    _require_stopped(folder)
    processes = Processes(folder / "processes")
    processes.end_leftovers()
    _require_free_ports(ports)
    addresses = {name: f"http://{HOST}:{port}" for name, port in ports.items()}
    stack_variables = {**variables(folder, addresses), **extra}
    stack = Stack(folder, addresses, stack_environment(stack_variables), processes)
    try:
        atomic_file.write(
            folder / STACK_FILE, json.dumps(asdict(StackState(*_current_process(), addresses, stack_variables)))
        )
        _start(stack, ports)
        yield stack
    except KeyboardInterrupt:
        # The terminal may be closed.
        with suppress(OSError):
            print("stopping ...", flush=True)
        raise
    finally:
        processes.stop()
        (folder / STACK_FILE).unlink(missing_ok=True)


def running_stack_state(folder: Path) -> StackState | None:
    """Return the stack of a folder if it is up, else None. An unreadable file was left by a killed run."""
    try:
        state = StackState(**json.loads((folder / STACK_FILE).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return state if _is_owner_alive(state) else None


def _start(stack: Stack, ports: Mapping[str, int]) -> None:
    inner = dict(zip(INNER_PORTS, free_ports(len(INNER_PORTS)), strict=True))
    own = {"s3": s3_variables(stack.folder, HOST), "ec2-api": outside_variables()}
    started = services(stack.folder, HOST, ports, inner, stack.environment, own)
    for service in started:
        stack.processes.start(service)
    _prepare_stores(stack.environment, started[0], stack.processes)
    for service in started:
        stack.processes.wait_until_healthy(service)


def _prepare_stores(environment: Mapping[str, str], s3: ServiceProcess, processes: Processes) -> None:
    connect(environment["READMIT_DATABASE_URL"])
    migrate(load().target)
    # The runs with a lease used services that are gone: nobody needs to wait until their leases expire.
    leases.release_all()
    processes.wait_until_healthy(s3)
    login = (environment[f"READMIT_S3_{name}"] for name in ("URL", "ACCESS_KEY", "SECRET_KEY"))
    Bucket("mlflow", *login).make()


def _require_stopped(folder: Path) -> None:
    if running_stack_state(folder) is not None:
        raise StackError(f"a stack is already up in {folder}: stop it first (Ctrl-C where it was started)")


def _require_free_ports(ports: Mapping[str, int]) -> None:
    for name, port in ports.items():
        if _is_taken(port):
            raise StackError(
                f"port {port}, which {name} needs, is in use by {_listener_on(port)}: stop that first, or set "
                f"READMIT_{name.replace('-', '_').upper()}_PORT (`just demo` is not affected: it uses free ports)"
            )


def _listener_on(port: int) -> str:
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            sockets = process.net_connections("tcp")
            if any(item.status == psutil.CONN_LISTEN and item.laddr.port == port for item in sockets):
                return f"{process.name()} (process {process.pid})"
    return "another program"


def _current_process() -> tuple[int, float]:
    process = psutil.Process()
    return process.pid, process.create_time()


def _is_owner_alive(stack: StackState) -> bool:
    """Return whether the owner is alive, and not another process that has reused its pid."""
    try:
        owner = psutil.Process(stack.owner)
        return abs(owner.create_time() - stack.began) <= CLOCK_TOLERANCE_SECONDS and is_alive(owner)
    except psutil.NoSuchProcess:
        return False
