"""`just status`, `just down`, `just why` and the commands that run on the stack that is up, whichever it is."""

import logging
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from readmit.containers import __main__ as containers
from readmit.containers import user_project
from readmit.embedded import local_stack
from readmit.embedded.environment import stack_environment
from readmit.network_variables import OTHER_TOOLS, drop_variables
from readmit.settings import SettingError, environment_with, load
from readmit.stacks.errors import StackError
from readmit.stacks.terminal import console

NO_STACK = "no stack is running: `just up` starts one in containers, `just local` one without Docker"
NEEDS_NO_STACK = ("--host", "--help", "-h")
"""Options of a load test of any API on this machine."""


def main(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code.

    `status`, `down [--volumes]`, `why [SERVICE ...]`, `report`, `rotate NAME ...`, `load`, or `on` with a `readmit`
    command.
    """
    command, *rest = arguments
    logging.disable(logging.WARNING)
    drop_variables(OTHER_TOOLS)
    try:
        if command == "down":
            return _down(rest)
        if command == "load":
            _load(rest)
        if command == "rotate":
            # Stopped containers count, too: their secrets are files.
            stack_main = containers.main if user_project.exists() else local_stack.main
            return stack_main(["rotate", *rest])
        if command in ("why", "report") and not (local_stack.is_up() or user_project.is_up()):
            # A stack that is down, or that never came up, is what they are for.
            return (containers.main if user_project.exists() else local_stack.main)([command, *rest])
        stack_main = containers.main if _container_stack_is_up() else local_stack.main
        return stack_main([command, *rest])
    except (StackError, SettingError) as error:
        console().print(str(error), style="red", markup=False)
        return 1


def _down(rest: Sequence[str]) -> int:
    """Stop whatever is up, both stacks if necessary."""
    exit_codes = [local_stack.main(["down"])] if local_stack.is_up() else []
    if rest or user_project.exists():
        exit_codes.append(containers.main(["down", *rest]))
    return max(exit_codes) if exit_codes else local_stack.main(["down"])


def _load(options: Sequence[str]) -> NoReturn:
    """Replace this process by a load test of the stack that is up; without one, of what `options` name."""
    if user_project.is_up():
        environment = user_project.load_test_environment(load())
    elif local_stack.is_up():
        environment = stack_environment(local_stack.find_running_stack()[1].variables)
    elif any(option.startswith(NEEDS_NO_STACK) for option in options):
        environment = environment_with({})
    else:
        # Whatever is on the default port is not this clone's.
        user_project.require_own()
        raise StackError(f"{NO_STACK}, or name an API with --host")
    os.execve(sys.executable, [sys.executable, "locust/run.py", *options], environment)


def _container_stack_is_up() -> bool:
    embedded, in_containers = local_stack.is_up(), user_project.is_up()
    if embedded and in_containers:
        raise StackError(
            "two stacks are running, one from `just local` and one from `just up`: stop one of them first "
            "(Ctrl-C where `just local` runs, or `docker compose down`)"
        )
    if not embedded and not in_containers:
        user_project.require_own()
        raise StackError(NO_STACK)
    return in_containers


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
