"""Signal handling: each of three signals interrupts this process like Ctrl-C, and none does while it is stopping."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

TERMINATION_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, a termination request, a closed terminal."""


def treat_signals_as_interrupt() -> None:
    """Handle SIGTERM and SIGHUP like Ctrl-C from now on. An ignored signal (nohup) stays ignored."""
    for number in TERMINATION_SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


@contextmanager
def ignore_signals() -> Iterator[None]:
    """Ignore the three signals within a block. No process may be started in it: a child would inherit this."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in TERMINATION_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
