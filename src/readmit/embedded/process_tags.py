"""Which processes belong to a service: those with its tag in their environment, which child processes inherit.

A tag is random and used once. So it finds what a service started even when the service itself is dead, and never an
unrelated process that has reused its pid.
"""

import secrets
from collections.abc import Iterable
from contextlib import suppress

import psutil

from readmit.embedded.liveness import wait_for_exit

TAG_VARIABLE = "READMIT_STARTED_AS"
KILL_TIMEOUT_SECONDS = 5.0
MAX_KILL_ROUNDS = 3
"""Maximum rounds of SIGKILL: a process may start another one during the search."""


def new_tag() -> str:
    """Return a random tag."""
    return secrets.token_hex(16)


def tagged_processes(tag: str) -> list[psutil.Process]:
    """Return the running processes with a tag."""
    processes = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(TAG_VARIABLE) == tag:
                processes.append(process)
    return processes


def stop_tagged(tag: str, grace: float) -> bool:
    """Stop all processes with a tag. Return whether there were any.

    Those whose parent is not among them get SIGTERM first, so that they can stop their children in order; if they take
    longer than `grace` seconds, all are killed. Then the others get SIGTERM and, after as long, are killed.
    """
    processes = tagged_processes(tag)
    pids = {process.pid for process in processes}
    roots = [process for process in processes if _parent_pid(process) not in pids]
    if _terminate(roots, grace):
        _terminate(tagged_processes(tag), grace)
    _kill(tag)
    return bool(processes)


def _terminate(processes: Iterable[psutil.Process], grace: float) -> bool:
    """Send SIGTERM to processes. Return whether all exited in time."""
    terminated = list(processes)
    for process in terminated:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    return wait_for_exit(terminated, grace)


def _kill(tag: str) -> None:
    for _ in range(MAX_KILL_ROUNDS):
        if not (remaining := tagged_processes(tag)):
            return
        for process in remaining:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        wait_for_exit(remaining, KILL_TIMEOUT_SECONDS)


def _parent_pid(process: psutil.Process) -> int | None:
    try:
        return process.ppid()
    except psutil.NoSuchProcess:
        return None
