"""What a signal does to us: each of three ends us as Ctrl-C does, and none of them while we are ending."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, a polite end from elsewhere, a terminal that was closed."""


def end_as_by_ctrl_c() -> None:
    """From now on SIGTERM and SIGHUP end us as Ctrl-C does. What is ignored (nohup) stays ignored."""
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


@contextmanager
def undisturbed() -> Iterator[None]:
    """A block that none of the three cuts short: whoever is impatient waits. No process may be started in it.

    (A child would inherit the deaf ears.)
    """
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
