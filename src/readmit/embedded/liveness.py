"""Whether a process is alive. A zombie is not: not every system's init clears it away at once."""

import time
from collections.abc import Iterable

import psutil

LOOK_AGAIN_SECONDS = 0.02


def lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def all_end(processes: Iterable[psutil.Process], seconds: float) -> bool:
    """Waits until all have ended; False: not in time."""
    deadline, left = time.monotonic() + seconds, list(processes)
    while (left := [process for process in left if lives(process)]) and time.monotonic() < deadline:
        time.sleep(LOOK_AGAIN_SECONDS)
    return not left
