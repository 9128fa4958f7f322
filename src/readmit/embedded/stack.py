"""The whole system on one machine without containers: the same services as processes, SQLite in MySQL's place."""

import json
import random
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from readmit.embedded.environment import NOT_OURS, s3_variables, variables
from readmit.embedded.liveness import lives
from readmit.embedded.processes import Processes, ServiceProcess
from readmit.embedded.seaweedfs import INNER_PORTS
from readmit.embedded.services import services
from readmit.io.database import ledger
from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate
from readmit.io.object_store import Bucket
from readmit.settings import Settings, environment_with, load, reach_directly
from readmit.stacks import atomic_file
from readmit.stacks.errors import StackError

HOST = "127.0.0.1"
SERVICES = ("ec2-api", "s3", "mlflow", "api")
"""Those with a port; a demo takes free ones."""
KEPT_UP = (*SERVICES, "ui")
"""Those of a stack that stays up, whose ports are settings: who looks at a page needs one that is there to stay."""
STACK_FILE = "stack.json"
CLOCK_MAY_MOVE_SECONDS = 2.0
"""A process seems to have begun a little earlier or later when the system's clock is set."""
CHOSEN_FROM = range(15_000, 32_000)
_given_out: set[int] = set()


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack that runs. `environment`: what our own processes need to act on it; `addresses` by service."""

    folder: Path
    addresses: Mapping[str, str]
    environment: Mapping[str, str]
    processes: Processes


@dataclass(frozen=True, slots=True)
class StackState:
    """A stack that a process runs: `owner`, its pid, which began at `began`.

    `variables`: by which a command reaches the stack.
    """

    owner: int
    began: float
    addresses: Mapping[str, str]
    variables: Mapping[str, str]


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on, all different, none given out before by this process.

    Below 32768, where systems take the ports of outgoing connections from: those may be taken a moment later.
    """
    while len(found := [port for port in random.sample(CHOSEN_FROM, 4 * count) if _is_free(port)]) < count:
        pass
    _given_out.update(found[:count])
    return found[:count]


def _is_free(port: int) -> bool:
    return port not in _given_out and not _is_taken(port)


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def set_ports(settings: Settings) -> dict[str, int]:
    """Where the services of a stack that stays up listen, as the settings say."""
    return {name: getattr(settings, f"{name.replace('-', '_')}_port") for name in KEPT_UP}


@contextmanager
def running(folder: Path, ports: Mapping[str, int], own: Mapping[str, str]) -> Iterator[Stack]:
    """A stack whose state lies in `folder`; all is ended when the block is left. `own`: variables on top.

    StackRefused: it runs already, its folder can't be closed to other users, or a port is taken.
    ServiceFailed: a service does not come up.
    """
    folder = folder.absolute()
    atomic_file.make_folder(folder)
    _refuse_if_up(folder)
    processes = Processes(folder / "processes")
    processes.end_leftovers()
    _refuse_taken(ports)
    addresses = {name: f"http://{HOST}:{port}" for name, port in ports.items()}
    told = {**variables(folder, addresses), **own}
    reach_the_stack_directly()
    stack = Stack(folder, addresses, environment_with(told, without=NOT_OURS), processes)
    try:
        atomic_file.write(folder / STACK_FILE, json.dumps(asdict(StackState(*_me(), addresses, told))))
        _start(stack, ports)
        yield stack
    except KeyboardInterrupt:
        # Whoever closed the terminal reads this no more.
        with suppress(OSError):
            print("stopping ...", flush=True)
        raise
    finally:
        processes.stop()
        (folder / STACK_FILE).unlink(missing_ok=True)


def reach_the_stack_directly() -> None:
    """From now on this process and its children speak to a stack on this machine past any proxy."""
    reach_directly((HOST, "localhost"))


def up(folder: Path) -> StackState | None:
    """The stack of a folder, if it is up. What can't be read was left by a run that is no more."""
    try:
        told = StackState(**json.loads((folder / STACK_FILE).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return told if _is_owned(told) else None


def _start(stack: Stack, ports: Mapping[str, int]) -> None:
    inner = dict(zip(INNER_PORTS, free_ports(len(INNER_PORTS)), strict=True))
    s3_environment = s3_variables(stack.folder, HOST)
    started = services(stack.folder, HOST, ports, inner, stack.environment, s3_environment)
    for service in started:
        stack.processes.start(service)
    _make_stores(stack.environment, started[0], stack.processes)
    for service in started:
        stack.processes.wait_until_healthy(service)


def _make_stores(environment: Mapping[str, str], s3: ServiceProcess, processes: Processes) -> None:
    connect(environment["READMIT_DATABASE_URL"])
    migrate(load().target)
    # Who held a batch worked on services that are no more: nobody need wait until its lease expires.
    ledger.drop_every_lease()
    processes.wait_until_healthy(s3)
    login = (environment[f"READMIT_S3_{name}"] for name in ("URL", "ACCESS_KEY", "SECRET_KEY"))
    Bucket("mlflow", *login).make()


def _refuse_if_up(folder: Path) -> None:
    if up(folder) is not None:
        raise StackError(f"a stack runs on {folder} already: stop it first (Ctrl-C where it was started)")


def _refuse_taken(ports: Mapping[str, int]) -> None:
    for name, port in ports.items():
        if _is_taken(port):
            raise StackError(
                f"port {port}, which {name} needs, is taken by {_who_listens(port)}: end that first, or set "
                f"READMIT_{name.replace('-', '_').upper()}_PORT (`just demo` does without: it takes free ports)"
            )


def _who_listens(port: int) -> str:
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            sockets = process.net_connections("tcp")
            if any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in sockets):
                return f"{process.name()} (process {process.pid})"
    return "another program"


def _me() -> tuple[int, float]:
    process = psutil.Process()
    return process.pid, process.create_time()


def _is_owned(stack: StackState) -> bool:
    """Whether the owner is alive, and not another process that has its number by now."""
    try:
        owner = psutil.Process(stack.owner)
        return abs(owner.create_time() - stack.began) <= CLOCK_MAY_MOVE_SECONDS and lives(owner)
    except psutil.NoSuchProcess:
        return False
