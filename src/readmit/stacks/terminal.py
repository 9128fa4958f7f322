"""What is told to a person, on a terminal or into a pipe."""

import sys

from rich.console import Console

WIDE = 160


def console() -> Console:
    """The terminal. Where the output goes elsewhere no line is wrapped, and tables are wide."""
    if sys.stdout.isatty():
        return Console(highlight=False)
    return Console(highlight=False, width=WIDE, soft_wrap=True)


def counted(number: int, one: str, many: str) -> str:
    """A number with its noun: 1 batch, 6 batches."""
    return f"{number:,} {one if number == 1 else many}"
