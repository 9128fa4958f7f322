"""Output for people, on a terminal or in a pipe."""

import sys

from rich.console import Console

PIPE_WIDTH = 160


def console() -> Console:
    """Return the terminal. In a pipe or a file no line is wrapped, and tables are wide."""
    if sys.stdout.isatty():
        return Console(highlight=False)
    return Console(highlight=False, width=PIPE_WIDTH, soft_wrap=True)


def counted(number: int, singular: str, plural: str) -> str:
    """Return a number with its noun: 1 batch, 6 batches."""
    return f"{number:,} {singular if number == 1 else plural}"
