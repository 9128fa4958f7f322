"""A real `python -m api` process that serves a cached model while the registry is unavailable."""

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
from tests.api.conftest import FittedVersion

HOST = "127.0.0.1"
HEAD = "{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
PREDICT = json.dumps(EXAMPLE).encode()


@dataclass(frozen=True)
class ApiAddress:
    """Address of an inference API: a port on 127.0.0.1."""

    port: int

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.port}"

    def connect(self, timeout: float = 30) -> socket.socket:
        return socket.create_connection((HOST, self.port), timeout=timeout)

    def exchange(self, request: bytes, timeout: float = 30) -> bytes:
        """Send raw bytes and return everything until the server closes the connection."""
        with self.connect(timeout) as connection:
            send_bytes(connection, request)
            return read_response(connection)


@dataclass(frozen=True)
class ApiProcess(ApiAddress):
    """An API process started by the test."""

    process: subprocess.Popen[bytes]

    def resident_bytes(self) -> int:
        """Return the memory of the process and its subprocesses in bytes."""
        main_process = psutil.Process(self.process.pid)
        total = 0
        for process in (main_process, *main_process.children(recursive=True)):
            try:
                total += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        return total


def send_bytes(connection: socket.socket, data: bytes) -> bool:
    """Return whether everything was sent before the server closed the connection."""
    try:
        connection.sendall(data)
    except OSError:
        return False
    return True


def read_response(connection: socket.socket) -> bytes:
    """Return everything until the server closes the connection."""
    response = b""
    try:
        while part := connection.recv(65_536):
            response += part
    except ConnectionError:
        pass
    return response


def request_head(method: str, path: str, *headers: str) -> bytes:
    """Return the head of a request with a Host header, without the final empty line."""
    return (HEAD.format(method=method, path=path) + "".join(f"{header}\r\n" for header in headers)).encode()


@contextmanager
def api_process(folder: Path, served: FittedVersion) -> Iterator[ApiProcess]:
    """Start the API and wait until it serves the model."""
    ModelCache(folder).store(served.version, served.artifact)
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
    raise AssertionError("the API did not start")


@dataclass(frozen=True, slots=True)
class Probe:
    """Results of one client of /predict: counts by status, and latencies in ms."""

    statuses: dict[str, int]
    p50: float
    p99: float


@contextmanager
def probing(api: ApiAddress) -> Iterator[list[Probe]]:
    """Send requests to /predict from a separate process until the block ends; then the list has the result."""
    probes: list[Probe] = []
    command = [sys.executable, "-m", "tests.security.probe", str(api.port)]
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        try:
            yield probes
        finally:
            output, _ = process.communicate(b"\n", timeout=60)
            probes.append(Probe(**json.loads(output)))


@contextmanager
def record_peak_memory(api: ApiProcess) -> Iterator[list[int]]:
    """Record the peak of the resident memory until the block ends."""
    peak, ended = [0], Event()

    def watch() -> None:
        while not ended.wait(0.05):
            peak[0] = max(peak[0], api.resident_bytes())

    thread = Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()
