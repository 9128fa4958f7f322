"""The whole system on one machine without containers: the same services as processes, SQLite in MySQL's place."""

import json
import random
import secrets
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from readmit.embedded.processes import Processes, Service
from readmit.io.database import ledger
from readmit.io.database.connection import connect
from readmit.io.database.tables import migrate
from readmit.io.objects import Bucket
from readmit.settings import environment_with

HOST = "127.0.0.1"
PORTS = {"ec2-api": 5001, "s3": 8333, "mlflow": 5000, "api": 8000}
"""Where the services listen when the stack stays up; a demo takes free ports instead."""
STACK_FILE = "stack.json"
SECRETS = ("READMIT_S3_ACCESS_KEY", "READMIT_S3_SECRET_KEY", "READMIT_RELOAD_TOKEN", "READMIT_KEY_SECRET")

NOT_OURS = ("PREFECT_API_URL", "PREFECT_API_KEY")
"""Were they kept, the flow would report to a Prefect server that is not this stack's."""


CHOSEN_FROM = range(15_000, 32_000)
_given_out: set[int] = set()


class StackRefused(Exception):
    """The stack can't be started as it was asked for; the text says why."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack that runs. `environment`: what our own processes need to act on it; `addresses` by service."""

    folder: Path
    addresses: Mapping[str, str]
    environment: Mapping[str, str]
    processes: Processes


@dataclass(frozen=True, slots=True)
class StackUp:
    """A stack that another process runs: `owner`, its pid; `variables`, by which a command reaches the stack."""

    owner: int
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
    if port in _given_out:
        return False
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) != 0


@contextmanager
def running(folder: Path, ports: Mapping[str, int], own: Mapping[str, str]) -> Iterator[Stack]:
    """A stack whose state lies in `folder`; all is ended when the block is left. `own`: variables on top.

    StackRefused: it runs already, or a port is taken. ServiceFailed: a service does not come up.
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    _refuse_if_up(folder)
    processes = Processes(folder / "processes")
    processes.end_leftovers()
    _refuse_taken(ports)
    addresses = {name: f"http://{HOST}:{port}" for name, port in ports.items()}
    variables = {**_variables(folder, addresses), **own}
    stack = Stack(folder, addresses, environment_with(variables, without=NOT_OURS), processes)
    try:
        (folder / STACK_FILE).write_text(json.dumps({"owner": _me(), "addresses": addresses, "variables": variables}))
        (folder / STACK_FILE).chmod(0o600)
        _start(stack, ports)
        yield stack
    finally:
        processes.stop()
        (folder / STACK_FILE).unlink(missing_ok=True)


def up(folder: Path) -> StackUp | None:
    """The stack of a folder, if it is up."""
    file = folder / STACK_FILE
    if not file.exists():
        return None
    told = json.loads(file.read_text())
    alive = _lives(told["owner"])
    return StackUp(told["owner"]["pid"], told["addresses"], told["variables"]) if alive else None


def _start(stack: Stack, ports: Mapping[str, int]) -> None:
    services = _services(stack, ports)
    for service in services:
        stack.processes.start(service)
    _make_stores(stack.environment, services[0], stack.processes)
    for service in services:
        stack.processes.wait_until_healthy(service)


def _make_stores(environment: Mapping[str, str], s3: Service, processes: Processes) -> None:
    connect(environment["READMIT_DATABASE_URL"])
    migrate()
    # Who held a batch worked on services that are no more: nobody need wait until its lease expires.
    ledger.drop_every_lease()
    processes.wait_until_healthy(s3)
    login = (environment[f"READMIT_S3_{name}"] for name in ("URL", "ACCESS_KEY", "SECRET_KEY"))
    Bucket("mlflow", *login).make()


def _services(stack: Stack, ports: Mapping[str, int]) -> list[Service]:
    environment, address = stack.environment, stack.addresses
    python = (sys.executable, "-m")
    return [
        Service("s3", _seaweedfs(stack.folder, ports["s3"]), environment, f"{address['s3']}/status"),
        Service("mlflow", _mlflow(stack.folder, ports["mlflow"]), environment, f"{address['mlflow']}/health"),
        Service("ec2-api", (*python, "ec2_api"), environment, f"{address['ec2-api']}/health"),
        Service(
            "api",
            (*python, "uvicorn", "--factory", "api.app:create_app", "--host", HOST, "--port", str(ports["api"])),
            environment,
            f"{address['api']}/health/live",
        ),
    ]


def _seaweedfs(folder: Path, port: int) -> list[str]:
    """Every port is named: by itself each server would take its own and one 10,000 above it."""
    names = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc")
    inner = (*names, "filer.port", "filer.port.grpc", "s3.port.grpc")
    ports = [f"-{name}={number}" for name, number in zip(inner, free_ports(len(inner)), strict=True)]
    data = folder / "s3"
    data.mkdir(exist_ok=True)
    unused = ("-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0")
    binary = str(Path(sys.executable).parent / "weed")
    return [binary, "mini", f"-dir={data}", f"-ip={HOST}", f"-ip.bind={HOST}", f"-s3.port={port}", *ports, *unused]


def _mlflow(folder: Path, port: int) -> list[str]:
    store, artifacts = f"sqlite:///{folder / 'mlflow.sqlite3'}", "s3://mlflow"
    options = ["--backend-store-uri", store, "--artifacts-destination", artifacts, "--workers", "1"]
    hosts = f"{HOST}:{port},localhost:{port}"
    return [
        *(sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port)),
        *options,
        *("--allowed-hosts", hosts),
    ]


def _variables(folder: Path, addresses: Mapping[str, str]) -> dict[str, str]:
    """What each process of this stack finds in its environment."""
    known = _secrets(folder / "secrets.json")
    source_port = addresses["ec2-api"].rsplit(":", 1)[1]
    return {
        **known,
        "READMIT_SOURCE_URL": addresses["ec2-api"],
        "READMIT_SOURCE_HOST": HOST,
        "READMIT_SOURCE_PORT": source_port,
        "READMIT_SOURCE_STATE": str(folder / "ec2-api"),
        "READMIT_DATABASE_URL": f"sqlite:///{folder / 'db'}",
        "READMIT_S3_URL": addresses["s3"],
        "READMIT_API_URLS": addresses["api"],
        "MLFLOW_TRACKING_URI": addresses["mlflow"],
        # The MLflow server takes 2 GB and 16 s with its own number of workers and its job runner.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_S3_ENDPOINT_URL": addresses["s3"],
        "AWS_ACCESS_KEY_ID": known["READMIT_S3_ACCESS_KEY"],
        "AWS_SECRET_ACCESS_KEY": known["READMIT_S3_SECRET_KEY"],
        "AWS_DEFAULT_REGION": "us-east-1",
        # SeaweedFS takes 500 MB where it may.
        "GOMEMLIMIT": "150MiB",
        "GOGC": "50",
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "DO_NOT_TRACK": "1",
    }


def _secrets(file: Path) -> dict[str, str]:
    """The stack's secrets, made once: keys of encounters must stay the same as data grow."""
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(json.dumps({name: secrets.token_hex(16) for name in SECRETS}))
    known: dict[str, str] = json.loads(file.read_text())
    return known


def _refuse_if_up(folder: Path) -> None:
    if up(folder) is not None:
        raise StackRefused(f"a stack runs on {folder} already: stop it first (Ctrl-C where it was started)")


def _refuse_taken(ports: Mapping[str, int]) -> None:
    for name, port in ports.items():
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                raise StackRefused(f"port {port}, which {name} needs, is taken by another program")


def _me() -> dict[str, float]:
    process = psutil.Process()
    return {"pid": process.pid, "created": process.create_time()}


def _lives(owner: Mapping[str, float]) -> bool:
    try:
        return psutil.Process(int(owner["pid"])).create_time() == owner["created"]
    except psutil.NoSuchProcess:
        return False
