"""Output for people, on a terminal or in a pipe."""

import sys
from collections.abc import Callable

from rich.console import Console

from readmit.settings import SettingError
from readmit.stacks.errors import StackError

PIPE_WIDTH = 160


def console() -> Console:
    """Return the terminal. In a pipe or a file no line is wrapped, and tables are wide."""
    if sys.stdout.isatty():
        return Console(highlight=False)
    return Console(highlight=False, width=PIPE_WIDTH, soft_wrap=True)


def exit_code(action: Callable[[], None], terminal: Console) -> int:
    """Run a command. Return 0 on success, 1 with the reason on an error of the stack or a setting, 130 on Ctrl-C."""
    try:
        action()
    except (StackError, SettingError) as error:
        terminal.print(str(error), style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def counted(number: int, singular: str, plural: str) -> str:
    """Return a number with its noun: 1 batch, 6 batches."""
    return f"{number:,} {singular if number == 1 else plural}"
