"""`just up`, `just down`, `just status`, and what acts on the stack of containers that is up."""

import argparse
import os
import shutil
import sys
from collections.abc import Sequence

from rich.console import Console

from readmit.containers import day_commands, status
from readmit.containers.project import Project
from readmit.containers.rotation import rotate
from readmit.containers.up import UpOptions, up
from readmit.containers.user_project import SECRETS, SHOWN_SECRETS, project_of
from readmit.settings import SettingError, load
from readmit.stacks.errors import StackError
from readmit.stacks.terminal import console

READER = "mysql://reader@mysql:3306"
"""Who asks by `just sql` may read, and nothing else."""


def main(arguments: list[str] | None = None) -> int:
    """0: as asked; 1: refused, with the reason; 130: interrupted."""
    asked, terminal = _parser().parse_args(arguments), console()
    try:
        if asked.command == "up":
            up(UpOptions(asked.services, asked.without, not asked.no_day, asked.publish_stores), terminal)
        elif asked.command == "down":
            down(asked.volumes, terminal)
        elif asked.command == "status":
            status.show(project_of(load()), SHOWN_SECRETS, terminal)
        elif asked.command == "rotate":
            rotate(project_of(load()), SECRETS, asked.names, terminal)
        else:
            on(asked.rest, terminal)
    except (StackError, SettingError) as error:
        terminal.print(str(error), style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m readmit.containers", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("up", prog="just up")
    start.add_argument("services", nargs="*", help="only these, and what they need")
    start.add_argument("--without", action="append", default=[], help="all but this one")
    start.add_argument("--publish-stores", action="store_true", help="MySQL and S3 on 127.0.0.1, too")
    start.add_argument("--no-day", action="store_true", help="the first day does not start by itself")
    stop = commands.add_parser("down", prog="just down")
    stop.add_argument("--volumes", action="store_true", help="the data, too")
    commands.add_parser("status")
    commands.add_parser("rotate", prog="just ops::rotate").add_argument("names", nargs="+")
    commands.add_parser("on").add_argument("rest", nargs=argparse.REMAINDER, help="a command of readmit")
    return parser


def down(volumes: bool, terminal: Console) -> None:
    """Ends the containers. The data stay; with `volumes` they go, after a question. StackRefused: nobody said yes."""
    project = project_of(load())
    if volumes:
        terminal.print(f"All data of the stack {project.name} will be lost: encounters, snapshots, models, secrets.")
        if not sys.stdin.isatty() or input("Type its name to go on: ") != project.name:
            raise StackError("nothing was removed: a person has to say so")
    project.run("down", "--remove-orphans", *(["--volumes"] if volumes else []))
    if volumes and SECRETS.exists():
        shutil.rmtree(SECRETS)
    terminal.print("Removed, with its data." if volumes else "Stopped; the data stay. `just up` brings it up again.")


def as_reader(project: Project) -> list[str]:
    """Options of `exec` by which a command speaks to the databases as who may only read."""
    address = project.variables.get("READMIT_READER_DATABASE_URL", READER)
    password = "/run/secrets/reader_password"
    return ["-e", f"READMIT_DATABASE_URL={address}", "-e", f"READMIT_DATABASE_PASSWORD_FILE={password}"]


def on(command: Sequence[str], terminal: Console) -> None:
    """A command of `readmit`: the days are asked of Prefect, the rest is carried out in the container of the flows."""
    project = project_of(load())
    if command[:1] and command[0] in day_commands.COMMANDS:
        day_commands.carry_out(command, project, terminal)
        return
    tty = [] if sys.stdin.isatty() and sys.stdout.isatty() else ["-T"]
    options = [*tty, *(as_reader(project) if command[:1] == ["sql"] else [])]
    asked = project.command("exec", *options, "flows", "python", "-m", "readmit.cli", *command)
    # In our place, so that a signal reaches the command and not somebody who waits for it.
    os.execvpe(asked[0], list(asked), dict(project.environment()))


if __name__ == "__main__":
    sys.exit(main())
