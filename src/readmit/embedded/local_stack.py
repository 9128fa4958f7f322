"""`just local`: the demo's stack, kept up on its configured ports until Ctrl-C, or `just down` elsewhere."""

import argparse
import logging
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
from rich.console import Console

from readmit.embedded import log_rotation
from readmit.embedded.environment import stack_environment
from readmit.embedded.liveness import wait_for_exit
from readmit.embedded.local_report import local_report, local_secrets
from readmit.embedded.local_status import show_page, show_services, show_source, summary_lines
from readmit.embedded.paths import COMMANDS_LOG, FOLDER, folder_of
from readmit.embedded.process_diagnosis import diagnose_ended, diagnose_running
from readmit.embedded.processes import Processes, ServiceError
from readmit.embedded.secret_rotation import rotate_embedded
from readmit.embedded.stack import (
    Stack,
    StackState,
    configured_ports,
    running,
    running_stack_state,
)
from readmit.embedded.stop_signals import treat_signals_as_interrupt
from readmit.network_variables import OTHER_SERVERS, drop_variables
from readmit.settings import COMMAND_LOG, SettingError, load
from readmit.stacks.bug_report import write_report
from readmit.stacks.diagnosis import print_diagnoses
from readmit.stacks.errors import StackError
from readmit.stacks.terminal import console

POLL_SECONDS = 1.0
STOP_TIMEOUT_SECONDS = 60.0
NOTHING_ENDED = "No stack is up, and no service of the last one ended by itself: `just local` starts it."


def main(arguments: list[str] | None = None) -> int:
    """Run `up`, `down`, `status`, `why`, `report`, `rotate`, or, with `on`, a `readmit` command on the stack."""
    parser = argparse.ArgumentParser(prog="python -m readmit.embedded.local_stack", description=__doc__)
    parser.add_argument("command", choices=[*_COMMANDS])
    parser.add_argument("rest", nargs=argparse.REMAINDER)
    options, terminal = parser.parse_args(arguments), console()
    logging.disable(logging.WARNING)
    drop_variables(OTHER_SERVERS)
    try:
        return _COMMANDS[options.command](terminal, options.rest)
    except (ServiceError, StackError, SettingError) as error:
        terminal.print(str(error), style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        return 130


def find_running_stack() -> tuple[Path, StackState]:
    """Return the stack that is up, and its folder. Raises StackError when there is none, or more than one."""
    stacks = _running_stacks()
    if not stacks:
        raise StackError("no stack is up: `just local` starts one")
    if len(stacks) > 1:
        raise StackError(
            f"more than one stack is up: {', '.join(str(folder) for folder, _ in stacks)}; stop all but one"
        )
    return stacks[0]


def is_up() -> bool:
    """Return whether an embedded stack is up, that of a running demo included."""
    return bool(_running_stacks())


def _running_stacks() -> list[tuple[Path, StackState]]:
    return [(folder, state) for folder in sorted(FOLDER.glob("*/")) if (state := running_stack_state(folder))]


def _up(terminal: Console, _: list[str]) -> int:
    treat_signals_as_interrupt()
    settings = load()
    folder, ports = folder_of(settings), configured_ports(settings)
    listed = ", ".join(f"{name} on port {port}" for name, port in ports.items())
    terminal.print(f"Starting {listed}; this takes a few seconds.")
    try:
        with running(folder, ports, {}) as stack:
            show_services(stack.addresses, terminal)
            show_source(stack.addresses["ec2-api"], terminal)
            show_page(folder, terminal)
            terminal.print(
                f"State: {folder}. `just day` runs the eleven steps on the next batch. Ctrl-C stops all services."
            )
            _supervise(stack)
    except KeyboardInterrupt:
        with suppress(OSError):
            terminal.print("Stopped; the data are kept. `just local` starts the stack again.")
    return 0


def _supervise(stack: Stack) -> None:
    while True:
        stack.processes.check()
        time.sleep(POLL_SECONDS)


def _down(terminal: Console, _: list[str]) -> int:
    """Stop the stack that is up, and the processes of stacks whose owner was killed."""
    stack = find_running_stack() if _running_stacks() else None
    if stack is not None:
        _stop(*stack)
        terminal.print(f"Stopped the stack in {stack[0]}; the data are kept.")
    if not _end_leftovers(terminal) and stack is None:
        raise StackError("no stack is up, and a killed run has left no processes: `just local` starts a stack")
    return 0


def _stop(folder: Path, state: StackState) -> None:
    with suppress(psutil.NoSuchProcess):
        owner = psutil.Process(state.owner)
        owner.terminate()
        if not wait_for_exit([owner], STOP_TIMEOUT_SECONDS):
            raise StackError(
                f"the stack in {folder} did not stop within {STOP_TIMEOUT_SECONDS:.0f} s: process {state.owner} "
                f"still runs it. Run `kill -9 {state.owner}`, then `just down` again to stop the remaining processes."
            )


def _end_leftovers(terminal: Console) -> bool:
    """Stop what stacks left running whose owner was killed. Return whether there was anything."""
    stopped = False
    for folder in sorted(FOLDER.glob("*/processes")):
        if running_stack_state(folder.parent) is None and (names := Processes(folder).end_leftovers()):
            terminal.print(f"Stopped what a killed run left in {folder.parent}: {', '.join(names)}; the data are kept.")
            stopped = True
    return stopped


def _status(terminal: Console, _: list[str]) -> int:
    folder, state = find_running_stack()
    show_services(state.addresses, terminal)
    for line in summary_lines(state):
        terminal.print(line, markup=False)
    show_page(folder, terminal)
    terminal.print(f"State, logs and secrets: {folder}")
    return 0


def _why(terminal: Console, names: list[str]) -> int:
    """Print why services do not work, or why the last stack on the configured source ended."""
    if _running_stacks():
        folder, state = find_running_stack()
        problems, otherwise = diagnose_running(folder, state.addresses, names), "No service has a problem."
    else:
        problems, otherwise = diagnose_ended(folder_of(load()), names), NOTHING_ENDED
    print_diagnoses(problems, terminal)
    if not problems:
        terminal.print(otherwise)
    return 0


def _report(terminal: Console, _: list[str]) -> int:
    """Write a bug report on the stack that is up, or else on the last one on the configured source."""
    settings = load()
    folder, state = find_running_stack() if _running_stacks() else (folder_of(settings), None)
    if not folder.exists():
        raise StackError("there is nothing to report: no stack was ever started here (`just up` or `just local`)")
    write_report(local_report(folder, state, settings), local_secrets(folder, state, settings), terminal)
    return 0


def _run_on_stack(_: Console, rest: list[str]) -> int:
    folder, state = find_running_stack()
    log_rotation.rotate_if_full(folder / COMMANDS_LOG)
    environment = stack_environment({**state.variables, COMMAND_LOG: str((folder / COMMANDS_LOG).resolve())})
    # Replaces this process, so that a signal reaches the command itself.
    os.execve(sys.executable, [sys.executable, "-m", "readmit.cli", *rest], environment)


def _rotate(terminal: Console, names: list[str]) -> int:
    """Replace secrets of the stack on the configured source."""
    if _running_stacks():
        raise StackError("a stack is up and uses the secrets: stop it first (`just down`)")
    rotate_embedded(folder_of(load()), names, terminal)
    return 0


_COMMANDS = {
    **{"up": _up, "down": _down, "status": _status, "on": _run_on_stack, "rotate": _rotate},
    **{"why": _why, "report": _report},
}

if __name__ == "__main__":
    sys.exit(main())
