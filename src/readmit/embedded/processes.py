"""Services as processes: started, waited for until they are healthy, and ended, whatever happens.

Each leaves a file with its mark, so that the next start finds and ends what a killed run left.
"""

import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx

from readmit.embedded import process_tags
from readmit.embedded.signals import undisturbed
from readmit.stacks import atomic_file

HEALTHY_WITHIN_SECONDS = 120.0
ENDED_WITHIN_SECONDS = 15.0
LAST_LINES = 15


class ServiceFailed(Exception):
    """A service ended, or did not become healthy; the text holds the last lines of its log."""


@dataclass(frozen=True, slots=True)
class ServiceProcess:
    """What is started. `health`: an address that answers 200 when it works, or None for what just runs.

    `grace_seconds`: how long it may take to end once it is asked; then it is killed.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    health: str | None = None
    grace_seconds: float = ENDED_WITHIN_SECONDS


@dataclass(frozen=True, slots=True)
class _Running:
    process: subprocess.Popen[bytes]
    mark: str
    grace_seconds: float


class Processes:
    """The processes of one stack. `folder` takes their logs and marks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, _Running] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def start(self, service: ServiceProcess) -> None:
        """Starts a service in a session of its own, so that Ctrl-C reaches us first and we end it in order."""
        mark = process_tags.new_mark()
        # Before the start: were we killed between the two, nobody would find the service.
        atomic_file.write(self._mark_file(service.name), mark)
        with self.log(service.name).open("wb") as log:
            self._running[service.name] = _Running(_popen(service, mark, log), mark, service.grace_seconds)

    def wait_until_healthy(self, service: ServiceProcess) -> None:
        """Returns when the service answers. ServiceFailed: it does not in time, or one of the services ended."""
        deadline = time.monotonic() + HEALTHY_WITHIN_SECONDS
        while service.health and not answers(service.health):
            self.check()
            if time.monotonic() > deadline:
                raise ServiceFailed(
                    f"{service.name} is not healthy after {HEALTHY_WITHIN_SECONDS:.0f} s\n{self.tail(service.name)}"
                )
            time.sleep(0.1)

    def check(self) -> None:
        """ServiceFailed: one of the services has ended."""
        for name, running in self._running.items():
            if running.process.poll() is not None:
                raise ServiceFailed(f"{name} ended with code {running.process.returncode}\n{self.tail(name)}")

    def wait(self, name: str, seconds: float) -> int | None:
        """The exit code of a process that ends by itself; None: still running after this time."""
        try:
            return self._running[name].process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> None:
        """Ends all, the last started first. No signal cuts it short."""
        with undisturbed():
            for name, running in reversed(self._running.items()):
                process_tags.end(running.mark, running.grace_seconds)
                running.process.wait()
                self._mark_file(name).unlink(missing_ok=True)
            self._running.clear()
            # What an interrupted start left: noted, and not yet among those that run.
            self.end_leftovers()

    def end_leftovers(self) -> list[str]:
        """Ends what a killed run left behind; the names of what was still alive."""
        found = []
        for file in sorted(self._folder.glob("*.mark")):
            if (mark := file.read_text(errors="replace")) and process_tags.end(mark, ENDED_WITHIN_SECONDS):
                found.append(file.stem)
            file.unlink()
        return found

    def log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def tail(self, name: str) -> str:
        """The last lines of a service's log."""
        lines = self.log(name).read_text(errors="replace").splitlines()[-LAST_LINES:]
        return "\n".join(f"  {name} | {line}" for line in lines)

    def _mark_file(self, name: str) -> Path:
        return self._folder / f"{name}.mark"


def answers(health: str) -> bool:
    """Whether a service answers under its health address, which is on this machine: past any proxy."""
    try:
        return httpx.get(health, timeout=2.0, trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _popen(service: ServiceProcess, mark: str, log: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        list(service.command),
        env={**service.environment, process_tags.VARIABLE: mark},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
