"""`just local`: the stack of the demo, kept up on its own ports until Ctrl-C; `just down` ends it from elsewhere."""

import argparse
import logging
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from readmit.embedded.labels import SOURCES
from readmit.embedded.liveness import all_end
from readmit.embedded.paths import FOLDER, PAGE, folder_of
from readmit.embedded.processes import Processes, ServiceFailed, answers
from readmit.embedded.secret_rotation import rotate_embedded
from readmit.embedded.services import PURPOSE, health_of
from readmit.embedded.signals import end_as_by_ctrl_c
from readmit.embedded.stack import Stack, StackState, reach_the_stack_directly, running, set_ports, up
from readmit.io import source_client
from readmit.io.database import ledger
from readmit.settings import SettingError, environment_with, load
from readmit.stacks.errors import StackError
from readmit.stacks.terminal import console, counted

LOOK_AGAIN_SECONDS = 1.0
STOPPED_WITHIN_SECONDS = 60.0


def main(arguments: list[str] | None = None) -> int:
    """`up`, `down`, `status`, or a `readmit` command that is carried out on the stack that is up."""
    parser = argparse.ArgumentParser(prog="python -m readmit.embedded.local", description=__doc__)
    parser.add_argument("command", choices=[*_COMMANDS])
    parser.add_argument("rest", nargs=argparse.REMAINDER)
    asked, terminal = parser.parse_args(arguments), console()
    logging.disable(logging.WARNING)
    try:
        return _COMMANDS[asked.command](terminal, asked.rest)
    except (ServiceFailed, StackError, SettingError) as error:
        terminal.print(str(error), style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        return 130


def the_one_up() -> tuple[Path, StackState]:
    """The stack that is up, and its folder. StackRefused: none, or more than one."""
    found = _all_up()
    if not found:
        raise StackError("no stack is up: `just local` starts one")
    if len(found) > 1:
        raise StackError(
            f"more than one stack is up: {', '.join(str(folder) for folder, _ in found)}; stop all but one"
        )
    return found[0]


def is_up() -> bool:
    """Whether an embedded stack is kept up, or a demo is at work."""
    return bool(_all_up())


def _all_up() -> list[tuple[Path, StackState]]:
    return [(folder, told) for folder in sorted(FOLDER.glob("*/")) if (told := up(folder))]


def _up(terminal: Console, _: list[str]) -> int:
    end_as_by_ctrl_c()
    settings = load()
    folder, ports = folder_of(settings), set_ports(settings)
    said = ", ".join(f"{name} on port {port}" for name, port in ports.items())
    terminal.print(f"Starting {said}; that takes some seconds.")
    try:
        with running(folder, ports, {}) as stack:
            _show(terminal, stack.addresses)
            _show_source(stack.addresses["ec2-api"], terminal)
            _show_page(folder, terminal)
            terminal.print(
                f"State: {folder}. `just day` takes the next batch through the eleven steps. Ctrl-C stops all."
            )
            _watch(stack)
    except KeyboardInterrupt:
        with suppress(OSError):
            terminal.print("Stopped; the data stay. `just local` brings it up again.")
    return 0


def _watch(stack: Stack) -> None:
    while True:
        stack.processes.check()
        time.sleep(LOOK_AGAIN_SECONDS)


def _down(terminal: Console, _: list[str]) -> int:
    """Stops the stack that is up, and ends what stacks left whose owner was killed."""
    found = the_one_up() if _all_up() else None
    if found is not None:
        _stop(*found)
        terminal.print(f"Stopped the stack on {found[0]}; the data stay.")
    if not _end_leftovers(terminal) and found is None:
        raise StackError("no stack is up, and none that was killed left anything running: `just local` starts one")
    return 0


def _stop(folder: Path, told: StackState) -> None:
    with suppress(psutil.NoSuchProcess):
        owner = psutil.Process(told.owner)
        owner.terminate()
        if not all_end([owner], STOPPED_WITHIN_SECONDS):
            raise StackError(
                f"the stack on {folder} has not stopped within {STOPPED_WITHIN_SECONDS:.0f} s: process {told.owner} "
                f"still runs it. `kill -9 {told.owner}`, then `just down` again ends what it leaves."
            )


def _end_leftovers(terminal: Console) -> bool:
    """Whether stacks whose owner was killed had left anything running."""
    found = False
    for folder in sorted(FOLDER.glob("*/processes")):
        if up(folder.parent) is None and (names := Processes(folder).end_leftovers()):
            terminal.print(f"Ended what a killed run left on {folder.parent}: {', '.join(names)}; the data stay.")
            found = True
    return found


def _status(terminal: Console, _: list[str]) -> int:
    folder, told = the_one_up()
    _show(terminal, told.addresses)
    _show_page(folder, terminal)
    terminal.print(f"State, logs and secrets: {folder}")
    return 0


def _on(_: Console, rest: list[str]) -> int:
    reach_the_stack_directly()
    environment = environment_with(the_one_up()[1].variables)
    # In our place, so that a signal reaches the command and not somebody who waits for it.
    os.execve(sys.executable, [sys.executable, "-m", "readmit.cli", *rest], environment)


def _show(terminal: Console, addresses: Mapping[str, str]) -> None:
    table = Table("service", "state", "address", "what it is for")
    for name, address in addresses.items():
        state = "[green]up[/green]" if answers(health_of(name, address)) else "[red]down[/red]"
        table.add_row(name, state, address, PURPOSE[name])
    terminal.print(table)


def _show_source(address: str, terminal: Console) -> None:
    """Whose encounters these are, and how far they are taken."""
    data = source_client.state(address)
    done = len(ledger.done_batches())
    terminal.print(
        f"Source: {SOURCES[data.kind]}; {data.rows:,} encounters, {data.released} of "
        f"{counted(data.batches, 'batch', 'batches')} released, {done} done.",
        style="red" if data.kind == "sample" else None,
        markup=False,
    )


def _show_page(folder: Path, terminal: Console) -> None:
    """Where the page of results lies, if a demo on this source left one."""
    if (page := folder / PAGE.name).exists():
        terminal.print(f"Page of results, as `just demo` left it: {page.absolute().as_uri()}", soft_wrap=True)
    else:
        terminal.print("No page of results of this source yet: `just demo` writes one")


def _rotate(terminal: Console, names: list[str]) -> int:
    """Gives the stack of the source that the settings name new secrets."""
    if _all_up():
        raise StackError("a stack is up, and uses the secrets: stop it first (`just down`)")
    rotate_embedded(folder_of(load()), names, terminal)
    return 0


_COMMANDS = {"up": _up, "down": _down, "status": _status, "on": _on, "rotate": _rotate}

if __name__ == "__main__":
    sys.exit(main())
