"""A real `python -m api` that serves the copy of a model in a folder, its registry being away."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import httpx
import psutil

from api.example import EXAMPLE
from readmit.io.model_cache import ModelCache
from readmit.settings import environment_with
from tests.api.conftest import Made

HOST = "127.0.0.1"
HEAD = "{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
PREDICT = json.dumps(EXAMPLE).encode()


@dataclass(frozen=True)
class ApiAddress:
    """Where an inference API listens: `port`, on 127.0.0.1."""

    port: int

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.port}"

    def connect(self, timeout: float = 30) -> socket.socket:
        return socket.create_connection((HOST, self.port), timeout=timeout)

    def exchange(self, request: bytes, timeout: float = 30) -> bytes:
        """Send a request as it stands, and return all that comes back until the server closes."""
        with self.connect(timeout) as connection:
            send(connection, request)
            return answer_of(connection)


@dataclass(frozen=True)
class ApiProcess(ApiAddress):
    """One that was started here."""

    process: subprocess.Popen[bytes]

    def resident_bytes(self) -> int:
        """Return the memory of the process and all that it started."""
        own = psutil.Process(self.process.pid)
        total = 0
        for each in (own, *own.children(recursive=True)):
            try:
                total += each.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        return total


def send(connection: socket.socket, data: bytes) -> bool:
    """Return whether all of it was taken before the server closed."""
    try:
        connection.sendall(data)
    except OSError:
        return False
    return True


def answer_of(connection: socket.socket) -> bytes:
    """Return what comes until the server closes."""
    found = b""
    try:
        while part := connection.recv(65_536):
            found += part
    except ConnectionError:
        pass
    return found


def head(method: str, path: str, *headers: str) -> bytes:
    """Return the head of a request, Host included, without the empty line that ends it."""
    return (HEAD.format(method=method, path=path) + "".join(f"{each}\r\n" for each in headers)).encode()


@contextmanager
def api_process(folder: Path, served: Made) -> Iterator[ApiProcess]:
    """Start the API and wait until it serves the model."""
    ModelCache(folder).keep(served.version, served.artifact)
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    environment = environment_with(
        {"READMIT_MODEL_FOLDER": str(folder), "MLFLOW_TRACKING_URI": f"http://{HOST}:1", "READMIT_API_KEY": ""}
    )
    command = [sys.executable, "-m", "api", "--port", str(port)]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment) as process,
    ):
        api = ApiProcess(port, process)
        try:
            _wait_until_ready(api)
            yield api
        finally:
            process.kill()


def _wait_until_ready(api: ApiProcess) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and api.process.poll() is None:
        try:
            httpx.get(f"{api.address}/health/ready", trust_env=False).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the API does not come up")


@dataclass(frozen=True, slots=True)
class Probe:
    """What one client of /predict saw: statuses by count, and milliseconds."""

    statuses: dict[str, int]
    p50: float
    p99: float


@contextmanager
def probing(api: ApiAddress) -> Iterator[list[Probe]]:
    """Ask /predict from a process of its own until the block ends; the list then has the result."""
    found: list[Probe] = []
    command = [sys.executable, "-m", "tests.security.probe", str(api.port)]
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        try:
            yield found
        finally:
            out, _ = process.communicate(b"\n", timeout=60)
            found.append(Probe(**json.loads(out)))


@contextmanager
def watching_memory(api: ApiProcess) -> Iterator[list[int]]:
    """Note the highest resident memory until the block ends."""
    highest, ended = [0], Event()

    def watch() -> None:
        while not ended.wait(0.05):
            highest[0] = max(highest[0], api.resident_bytes())

    thread = Thread(target=watch)
    thread.start()
    try:
        yield highest
    finally:
        ended.set()
        thread.join()
