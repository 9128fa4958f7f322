"""What the worker of batches may take from the machine: memory, and processor time by the size of a batch."""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MOST_MEMORY_BYTES = 1_000_000_000
"""Of address space. 200,000 rows that are answered in JSON need 880 MB, of which 300 MB are libraries."""
LEAST_SECONDS, BYTES_A_SECOND, ROWS_A_SECOND = 1.5, 1_000_000, 20_000
"""Of processor time, which other processes do not use up. A legal batch takes a tenth of it, a small one less."""
OOM_SCORE = Path("/proc/self/oom_score_adj")


def limit_memory() -> None:
    """Let this process fail, and no other, where memory is short."""
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    wanted = MOST_MEMORY_BYTES if most == resource.RLIM_INFINITY else min(most, MOST_MEMORY_BYTES)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, most))
    if OOM_SCORE.exists():
        OOM_SCORE.write_text("1000")


@contextmanager
def limited_time(size: int) -> Iterator[None]:
    """End this process when the work on a body of so many bytes takes too long, even within a library in C."""
    signal.setitimer(signal.ITIMER_PROF, max(LEAST_SECONDS, size / BYTES_A_SECOND))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def extend_time(rows: int) -> None:
    """Add the time that so many rows may take, once their number is known and checked."""
    left, _ = signal.getitimer(signal.ITIMER_PROF)
    signal.setitimer(signal.ITIMER_PROF, left + rows / ROWS_A_SECOND)
