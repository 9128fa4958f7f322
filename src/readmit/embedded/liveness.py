"""Whether a process is alive. A zombie is not: not every init reaps it at once."""

import time
from collections.abc import Iterable

import psutil

POLL_SECONDS = 0.02


def is_alive(process: psutil.Process) -> bool:
    """Return whether a process is running and not a zombie."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_for_exit(processes: Iterable[psutil.Process], seconds: float) -> bool:
    """Wait until all processes have exited. Return False when some are still alive after `seconds`."""
    deadline, remaining = time.monotonic() + seconds, list(processes)
    while (remaining := [process for process in remaining if is_alive(process)]) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return not remaining
