"""How much longer a call takes on more input: a ratio of two measurements made side by side."""

import time
from collections.abc import Callable

REPEATS = 5
QUADRATIC = 10
"""A call on four times the input takes 4 times as long if its cost is linear, 16 times if it is quadratic."""


def growth(small: Callable[[], object], large: Callable[[], object]) -> float:
    """Return how many times as long `large` takes as `small`, by the fastest of REPEATS calls each."""
    durations = [(_duration(small), _duration(large)) for _ in range(REPEATS)]
    return min(long for _, long in durations) / min(short for short, _ in durations)


def _duration(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
