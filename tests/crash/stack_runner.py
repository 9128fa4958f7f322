"""One of the two stacks that are compared, and the runs on it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from readmit.embedded.liveness import is_alive
from readmit.embedded.stack import Stack
from readmit.pipeline import LEASE_SECONDS
from tests.crash.kill_points import KillPoint

KILLED = -signal.SIGKILL


@dataclass(frozen=True, slots=True)
class Run:
    """A process that runs a command of `readmit`. `wait`: waits for its exit code, once."""

    pid: int
    log: Path
    wait: Callable[[], int]

    def is_alive(self) -> bool:
        return is_alive(psutil.Process(self.pid))

    def kill(self) -> int:
        os.kill(self.pid, signal.SIGKILL)
        return self.wait()

    def output(self) -> str:
        return self.log.read_text()


class StackRunner:
    """One stack. Its runs are forked, which is quick, or started as from a shell."""

    def __init__(self, stack: Stack, logs: Path) -> None:
        self.stack, self._logs, self._number = stack, logs, 0
        command = [sys.executable, "-m", "tests.crash.fork_server"]
        self._fork_server = subprocess.Popen(
            command, env=dict(stack.environment), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def close(self) -> None:
        """Kill what still runs, once."""
        if self._fork_server.poll() is not None:
            return
        for run in psutil.Process(self._fork_server.pid).children():
            run.kill()
        self._fork_server.kill()
        self._fork_server.wait()

    def start(
        self,
        *arguments: str,
        kill_point: KillPoint | None = None,
        lease_seconds: float = LEASE_SECONDS,
        cost_ratio: str | None = None,
    ) -> Run:
        """A forked run, which kills itself at a kill point."""
        log = self._next_log()
        point = None
        if kill_point is not None:
            point = {name: value for name, value in asdict(kill_point).items() if name != "name"}
        variables = {} if cost_ratio is None else {"READMIT_COST_RATIO": cost_ratio}
        pid = self._request(
            arguments=arguments, kill_point=point, lease_seconds=lease_seconds, variables=variables, log=str(log)
        )
        return Run(pid, log, lambda: self._request(pid=pid))

    def start_from_shell(self, *arguments: str) -> Run:
        """A run as a shell starts it."""
        log = self._next_log()
        with log.open("wb") as file:
            command = [sys.executable, "-m", "readmit.cli", *arguments]
            process = subprocess.Popen(command, env=dict(self.stack.environment), stdout=file, stderr=file)
        return Run(process.pid, log, process.wait)

    def run_undisturbed(self, *arguments: str, cost_ratio: str | None = None) -> None:
        """Run a command without disturbing it."""
        run = self.start(*arguments, cost_ratio=cost_ratio)
        assert run.wait() == 0, run.output()

    def _next_log(self) -> Path:
        self._number += 1
        return self._logs / f"run-{self._number:03d}.log"

    def _request(self, **request: object) -> int:
        assert self._fork_server.stdin is not None
        assert self._fork_server.stdout is not None
        print(json.dumps(request), file=self._fork_server.stdin, flush=True)
        return int(self._fork_server.stdout.readline())
