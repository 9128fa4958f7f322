"""Services as processes: started, awaited until they are healthy, and always stopped.

Each has a file with its tag, so that the next start finds and stops what a killed run left, a log, and after it has
exited by itself a file with its exit code.
"""

import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx

from readmit.embedded import log_rotation, process_tags
from readmit.embedded.stop_signals import ignore_signals
from readmit.stacks import atomic_file

HEALTH_TIMEOUT_SECONDS = 120.0
STOP_TIMEOUT_SECONDS = 15.0
LOG_TAIL_LINES = 15


class ServiceError(Exception):
    """A service that exited or did not become healthy; the message has the last lines of its log."""


@dataclass(frozen=True, slots=True)
class ServiceProcess:
    """A service to start. `health`: a URL that responds with 200 when it works, or None without a health check.

    `grace_seconds`: how long it may take to exit after SIGTERM before it is killed. `working_folder`: None: this one's.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    health: str | None = None
    grace_seconds: float = STOP_TIMEOUT_SECONDS
    working_folder: Path | None = None


@dataclass(frozen=True, slots=True)
class _RunningService:
    process: subprocess.Popen[bytes]
    tag: str
    grace_seconds: float


class Processes:
    """The processes of one stack. `folder`: of their logs and tags."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, _RunningService] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def start(self, service: ServiceProcess) -> None:
        """Start a service in its own session, so that Ctrl-C reaches this process first, which stops it in order."""
        tag, log_path = process_tags.new_tag(), self.log_path(service.name)
        self._exit_file(service.name).unlink(missing_ok=True)
        # The log of the run before is kept: it may have the reason why that one ended.
        if log_path.exists():
            log_rotation.shift(log_path)
        # Before the start: if this process is killed between the two, the service can still be found.
        atomic_file.write(self._tag_file(service.name), tag)
        with log_path.open("ab") as log:
            self._running[service.name] = _RunningService(_start_process(service, tag, log), tag, service.grace_seconds)

    def wait_until_healthy(self, service: ServiceProcess) -> None:
        """Wait until a service is healthy. Raises ServiceError when it is not in time, or a service has exited."""
        deadline = time.monotonic() + HEALTH_TIMEOUT_SECONDS
        while service.health and not is_healthy(service.health):
            self.check()
            if time.monotonic() > deadline:
                raise ServiceError(
                    f"{service.name} is not healthy after {HEALTH_TIMEOUT_SECONDS:.0f} s\n{self.log_tail(service.name)}"
                )
            time.sleep(0.1)

    def check(self) -> None:
        """Check that all services still run, and rotate their logs. Raises ServiceError when one has exited."""
        for name, running in self._running.items():
            log_rotation.rotate_if_full(self.log_path(name))
            if running.process.poll() is not None:
                atomic_file.write(self._exit_file(name), str(running.process.returncode))
                raise ServiceError(f"{name} exited with code {running.process.returncode}\n{self.log_tail(name)}")

    def wait(self, name: str, seconds: float) -> int | None:
        """Return the exit code of a process that exits by itself, or None when it still runs after `seconds`."""
        log_rotation.rotate_if_full(self.log_path(name))
        try:
            return self._running[name].process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> None:
        """Stop all services, the last started first. No signal interrupts this."""
        with ignore_signals():
            for name, running in reversed(self._running.items()):
                process_tags.stop_tagged(running.tag, running.grace_seconds)
                running.process.wait()
                self._tag_file(name).unlink(missing_ok=True)
            self._running.clear()
            # An interrupted start leaves a tag file of a service that is not among the running ones.
            self.end_leftovers()

    def end_leftovers(self) -> list[str]:
        """Stop what a killed run left. Return the names of the services that were still alive."""
        stopped = []
        for file in sorted(self._folder.glob("*.mark")):
            if (tag := file.read_text(errors="replace")) and process_tags.stop_tagged(tag, STOP_TIMEOUT_SECONDS):
                stopped.append(file.stem)
            file.unlink()
        return stopped

    def log_path(self, name: str) -> Path:
        """Return the log file of a service."""
        return self._folder / f"{name}.log"

    def log_tail(self, name: str) -> str:
        """Return the last lines of a service's log, each after its name."""
        return "\n".join(f"  {name} | {line}" for line in self.log_lines(name, LOG_TAIL_LINES))

    def log_lines(self, name: str, count: int) -> list[str]:
        """Return the last lines of a service's log; none when it was never started."""
        file = self.log_path(name)
        return file.read_text(errors="replace").splitlines()[-count:] if file.exists() else []

    def exit_codes(self) -> dict[str, int]:
        """Return the exit code of each service that has exited by itself since its last start."""
        return {file.stem: int(file.read_text()) for file in sorted(self._folder.glob("*.exit"))}

    def _tag_file(self, name: str) -> Path:
        return self._folder / f"{name}.mark"

    def _exit_file(self, name: str) -> Path:
        return self._folder / f"{name}.exit"


def is_healthy(url: str) -> bool:
    """Return whether a health check URL on this machine responds with 200. Any proxy is bypassed."""
    try:
        return httpx.get(url, timeout=2.0, trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _start_process(service: ServiceProcess, tag: str, log: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        list(service.command),
        cwd=service.working_folder,
        env={**service.environment, process_tags.TAG_VARIABLE: tag},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
