"""One side of the comparison: the stores of a stack, and the runs over them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from readmit.embedded.liveness import lives
from readmit.embedded.stack import Stack
from readmit.pipeline import LEASE_SECONDS
from tests.crash.places import Place

KILLED = -signal.SIGKILL


@dataclass(frozen=True, slots=True)
class Run:
    """A process that carries out a command of `readmit`. `end`: waits for its exit code, once."""

    pid: int
    log: Path
    end: Callable[[], int]

    def lives(self) -> bool:
        return lives(psutil.Process(self.pid))

    def kill(self) -> int:
        os.kill(self.pid, signal.SIGKILL)
        return self.end()

    def said(self) -> str:
        return self.log.read_text()


class Side:
    """One stack. Its runs are forked, which is quick, or started as anybody would start them."""

    def __init__(self, stack: Stack, logs: Path) -> None:
        self.stack, self._logs, self._number = stack, logs, 0
        command = [sys.executable, "-m", "tests.crash.forking"]
        self._forking = subprocess.Popen(
            command, env=dict(stack.environment), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def close(self) -> None:
        """Ends what still runs, once."""
        if self._forking.poll() is not None:
            return
        for run in psutil.Process(self._forking.pid).children():
            run.kill()
        self._forking.kill()
        self._forking.wait()

    def start(
        self,
        *arguments: str,
        place: Place | None = None,
        lease_seconds: float = LEASE_SECONDS,
        cost_ratio: str | None = None,
    ) -> Run:
        """A forked run; at a place it dies by itself."""
        log = self._next_log()
        where = None if place is None else {name: value for name, value in asdict(place).items() if name != "name"}
        variables = {} if cost_ratio is None else {"READMIT_COST_RATIO": cost_ratio}
        pid = self._ask(
            arguments=arguments, place=where, lease_seconds=lease_seconds, variables=variables, log=str(log)
        )
        return Run(pid, log, lambda: self._ask(pid=pid))

    def start_plainly(self, *arguments: str) -> Run:
        """A run as a shell starts it."""
        log = self._next_log()
        with log.open("wb") as file:
            command = [sys.executable, "-m", "readmit.cli", *arguments]
            process = subprocess.Popen(command, env=dict(self.stack.environment), stdout=file, stderr=file)
        return Run(process.pid, log, process.wait)

    def carry_out(self, *arguments: str, cost_ratio: str | None = None) -> None:
        """A run that nobody disturbs."""
        run = self.start(*arguments, cost_ratio=cost_ratio)
        assert run.end() == 0, run.said()

    def _next_log(self) -> Path:
        self._number += 1
        return self._logs / f"run-{self._number:03d}.log"

    def _ask(self, **asked: object) -> int:
        assert self._forking.stdin is not None
        assert self._forking.stdout is not None
        print(json.dumps(asked), file=self._forking.stdin, flush=True)
        return int(self._forking.stdout.readline())
