"""`just status`, `just down`, and what acts on the stack that is up: the embedded one, or the one of containers."""

import logging
import sys
from collections.abc import Sequence

from readmit.containers import __main__ as containers
from readmit.containers import user_project
from readmit.embedded import local
from readmit.settings import SettingError
from readmit.stacks.errors import StackError
from readmit.stacks.terminal import console


def main(arguments: Sequence[str]) -> int:
    """`status`, `down [--volumes]`, `rotate NAME ...`, or `on` and a command of `readmit`. 0: as asked; 1: refused."""
    command, *rest = arguments
    logging.disable(logging.WARNING)
    try:
        if command == "down":
            return _down(rest)
        if command == "rotate":
            # Of containers that are stopped, too: their secrets are files.
            main_of = containers.main if user_project.exists() else local.main
            return main_of(["rotate", *rest])
        main_of = containers.main if _the_one_up_is_of_containers() else local.main
        return main_of([command, *rest])
    except (StackError, SettingError) as error:
        console().print(str(error), style="red", markup=False)
        return 1


def _down(rest: Sequence[str]) -> int:
    """Ends whatever is up, both if need be."""
    codes = [containers.main(["down", *rest])] if rest or user_project.exists() else []
    if local.is_up() or not codes:
        codes.append(local.main(["down"]))
    return max(codes)


def _the_one_up_is_of_containers() -> bool:
    embedded, of_containers = local.is_up(), user_project.is_up()
    if embedded and of_containers:
        raise StackError(
            "two stacks are up, that of `just local` and that of `just up`: end one of them first "
            "(Ctrl-C where `just local` runs, or `docker compose down`)"
        )
    if not embedded and not of_containers:
        raise StackError("no stack is up: `just up` starts one in containers, `just local` one without Docker")
    return of_containers


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
