"""Resource limits of the batch worker: memory, and processor time by the size of a batch."""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MAX_MEMORY_BYTES = 1_000_000_000
"""Of address space. 200,000 rows with a JSON response need 880 MB, 300 MB of which are libraries."""
MIN_SECONDS, BYTES_PER_SECOND, ROWS_PER_SECOND = 1.5, 1_000_000, 20_000
"""Of processor time, which is independent of other processes. A valid batch needs at most a tenth of it."""
OOM_SCORE = Path("/proc/self/oom_score_adj")


def limit_memory() -> None:
    """Limit the memory of this process, and make it the first to be killed when memory runs out."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = MAX_MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(hard, MAX_MEMORY_BYTES)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    if OOM_SCORE.exists():
        OOM_SCORE.write_text("1000")


@contextmanager
def limited_time(size: int) -> Iterator[None]:
    """Kill this process when work on a body of `size` bytes takes too long, even inside a C library."""
    signal.setitimer(signal.ITIMER_PROF, max(MIN_SECONDS, size / BYTES_PER_SECOND))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def extend_time(rows: int) -> None:
    """Add the time for the batch's rows, once their number is known and checked."""
    left, _ = signal.getitimer(signal.ITIMER_PROF)
    signal.setitimer(signal.ITIMER_PROF, left + rows / ROWS_PER_SECOND)
