"""`just local`: the stack of the demo, kept up on its own ports until Ctrl-C; `just down` ends it from elsewhere."""

import argparse
import logging
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from readmit.embedded.demo import FOLDER, folder_of, interrupt
from readmit.embedded.processes import ServiceFailed
from readmit.embedded.stack import PORTS, Stack, StackRefused, StackUp, running, up
from readmit.settings import SettingError, environment_with, load

PURPOSE = {
    "ec2-api": "the hospitals' data, a batch at a time",
    "s3": "snapshots and artifacts",
    "mlflow": "runs and versions",
    "api": "predictions; /docs to try them",
}
LOOK_AGAIN_SECONDS = 1.0


def main(arguments: list[str] | None = None) -> int:
    """`up`, `down`, `status`, or a `readmit` command that is carried out on the stack that is up."""
    parser = argparse.ArgumentParser(prog="python -m readmit.embedded.local", description=__doc__)
    parser.add_argument("command", choices=["up", "down", "status", "on"])
    parser.add_argument("rest", nargs=argparse.REMAINDER)
    asked, console = parser.parse_args(arguments), Console(highlight=False)
    logging.disable(logging.WARNING)
    try:
        return _COMMANDS[asked.command](console, asked.rest)
    except (ServiceFailed, StackRefused, SettingError) as error:
        console.print(str(error), style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped; the data stay. `just local` brings it up again.")
        return 0


def the_one_up() -> tuple[Path, StackUp]:
    """The stack that is up, and its folder. StackRefused: none, or more than one."""
    found = [(file.parent, told) for file in sorted(FOLDER.glob("*/stack.json")) if (told := up(file.parent))]
    if not found:
        raise StackRefused("no stack is up: `just local` starts one")
    if len(found) > 1:
        raise StackRefused(
            f"more than one stack is up: {', '.join(str(folder) for folder, _ in found)}; stop all but one"
        )
    return found[0]


def _up(console: Console, _: list[str]) -> int:
    signal.signal(signal.SIGTERM, interrupt)
    folder = folder_of(load())
    with running(folder, PORTS, {}) as stack:
        _show(console, stack.addresses)
        console.print(f"State: {folder}. `just day` takes the next batch through the eleven steps. Ctrl-C stops all.")
        _watch(stack)
    return 0


def _watch(stack: Stack) -> None:
    while True:
        stack.processes.check()
        time.sleep(LOOK_AGAIN_SECONDS)


def _down(console: Console, _: list[str]) -> int:
    folder, told = the_one_up()
    owner = psutil.Process(told.owner)
    owner.terminate()
    owner.wait(60)
    console.print(f"Stopped the stack on {folder}; the data stay.")
    return 0


def _status(console: Console, _: list[str]) -> int:
    folder, told = the_one_up()
    _show(console, told.addresses)
    console.print(f"State, logs and secrets: {folder}")
    return 0


def _on(_: Console, rest: list[str]) -> int:
    environment = environment_with(the_one_up()[1].variables)
    return subprocess.call([sys.executable, "-m", "readmit.cli", *rest], env=environment)


def _show(console: Console, addresses: Mapping[str, str]) -> None:
    table = Table("service", "address", "what it is for")
    for name, address in addresses.items():
        table.add_row(name, address, PURPOSE[name])
    console.print(table)


_COMMANDS = {"up": _up, "down": _down, "status": _status, "on": _on}

if __name__ == "__main__":
    sys.exit(main())
