"""Waiting for a state of the cluster."""

import time
from collections.abc import Callable

POLL_SECONDS = 1.0


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s"
        time.sleep(POLL_SECONDS)
