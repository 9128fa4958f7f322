"""Services as processes: started, waited for until they are healthy, and ended, whatever happens.

Each leaves a file with its pid and start time, so that the next start finds and ends what a killed run left.
"""

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx
import psutil

HEALTHY_WITHIN_SECONDS = 120.0
ENDED_WITHIN_SECONDS = 15.0
LAST_LINES = 15


class ServiceFailed(Exception):
    """A service ended, or did not become healthy; the text holds the last lines of its log."""


@dataclass(frozen=True, slots=True)
class Service:
    """What is started. `health`: an address that answers 200 when it works, or None for what just runs."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    health: str | None = None


class Processes:
    """The processes of one stack. `folder` takes their logs and pid files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def start(self, service: Service) -> None:
        """Starts a service in a session of its own, so that Ctrl-C reaches us first and we end it in order."""
        with self.log(service.name).open("wb") as log:
            process = _popen(service, log)
        self._running[service.name] = process
        self._note(service.name, process.pid)

    def wait_until_healthy(self, service: Service) -> None:
        """Returns when the service answers. ServiceFailed: it does not in time, or one of the services ended."""
        deadline = time.monotonic() + HEALTHY_WITHIN_SECONDS
        while service.health and not _answers(service.health):
            self.check()
            if time.monotonic() > deadline:
                raise ServiceFailed(
                    f"{service.name} is not healthy after {HEALTHY_WITHIN_SECONDS:.0f} s\n{self.tail(service.name)}"
                )
            time.sleep(0.1)

    def check(self) -> None:
        """ServiceFailed: one of the services has ended."""
        for name, process in self._running.items():
            if process.poll() is not None:
                raise ServiceFailed(f"{name} ended with code {process.returncode}\n{self.tail(name)}")

    def wait(self, name: str, seconds: float) -> int | None:
        """The exit code of a process that ends by itself; None: still running after this time."""
        try:
            return self._running[name].wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> None:
        """Ends all, the last started first."""
        for name in reversed(list(self._running)):
            _end(self._running[name].pid)
            self._running.pop(name).wait()
            self._pid_file(name).unlink(missing_ok=True)

    def end_leftovers(self) -> list[str]:
        """Ends what a killed run left behind; their names."""
        found = []
        for file in sorted(self._folder.glob("*.pid")):
            left = json.loads(file.read_text())
            with suppress(psutil.NoSuchProcess):
                if psutil.Process(left["pid"]).create_time() == left["created"]:
                    _end(left["pid"])
                    found.append(file.stem)
            file.unlink()
        return found

    def log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def tail(self, name: str) -> str:
        """The last lines of a service's log."""
        lines = self.log(name).read_text(errors="replace").splitlines()[-LAST_LINES:]
        return "\n".join(f"  {name} | {line}" for line in lines)

    def _note(self, name: str, pid: int) -> None:
        with suppress(psutil.NoSuchProcess):
            content = json.dumps({"pid": pid, "created": psutil.Process(pid).create_time()})
            self._pid_file(name).write_text(content)

    def _pid_file(self, name: str) -> Path:
        return self._folder / f"{name}.pid"


def _popen(service: Service, log: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        list(service.command),
        env=dict(service.environment),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=2.0).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _end(pid: int) -> None:
    """Ends a process and all that it started: asked first, killed then."""
    try:
        family = [*psutil.Process(pid).children(recursive=True), psutil.Process(pid)]
    except psutil.NoSuchProcess:
        return
    for member in reversed(family):
        with suppress(psutil.NoSuchProcess):
            member.terminate()
    for member in psutil.wait_procs(family, timeout=ENDED_WITHIN_SECONDS)[1]:
        with suppress(psutil.NoSuchProcess):
            member.kill()
