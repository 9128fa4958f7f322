"""`just up`, `just down`, `just status`, `just why`, `just logs`, and the commands that run on the container stack."""

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from functools import partial
from typing import NoReturn

from rich.console import Console

from readmit.containers import clones, day_commands, status
from readmit.containers.cli_environment import READER_DATABASE_URL, cli_environment
from readmit.containers.container_diagnosis import diagnose
from readmit.containers.container_report import container_report, container_secrets
from readmit.containers.project import Project
from readmit.containers.rotation import rotate
from readmit.containers.up import UpOptions, up
from readmit.containers.user_project import own_project
from readmit.network_variables import OTHER_TOOLS, drop_variables
from readmit.settings import load
from readmit.stacks.bug_report import write_report
from readmit.stacks.diagnosis import print_diagnoses
from readmit.stacks.errors import StackError
from readmit.stacks.terminal import console, exit_code

FOLLOWED_LINES = 100
"""Lines of each log that `just logs` begins with."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Return its exit code."""
    args, terminal = _parser().parse_args(arguments), console()
    drop_variables(OTHER_TOOLS)
    return exit_code(partial(_dispatch, args, terminal), terminal)


def _dispatch(args: argparse.Namespace, terminal: Console) -> None:
    if args.command == "up":
        up(UpOptions(args.services, args.without, not args.no_day, args.publish_stores), terminal)
    elif args.command == "down":
        down(args.volumes, terminal)
    elif args.command == "status":
        status.show(own_project(load()), terminal)
    elif args.command == "why":
        why(args.names, terminal)
    elif args.command == "report":
        report(terminal)
    elif args.command == "rotate":
        rotate(own_project(load()), args.names, terminal)
    elif args.command == "logs":
        follow_logs(args.names)
    else:
        run_command(args.rest, terminal)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m readmit.containers", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("up", prog="just up")
    start.add_argument("services", nargs="*", help="start only these services and their dependencies")
    start.add_argument("--without", action="append", default=[], help="do not start this service; may be repeated")
    start.add_argument("--publish-stores", action="store_true", help="also publish MySQL and S3 on 127.0.0.1")
    start.add_argument("--no-day", action="store_true", help="do not start the first day")
    stop = commands.add_parser("down", prog="just down")
    stop.add_argument("--volumes", action="store_true", help="also delete the data")
    commands.add_parser("status")
    commands.add_parser("why", prog="just why").add_argument("names", nargs="*")
    commands.add_parser("logs", prog="just logs").add_argument("names", nargs="*")
    commands.add_parser("report", prog="just ops::report")
    commands.add_parser("rotate", prog="just ops::rotate").add_argument("names", nargs="+")
    commands.add_parser("on").add_argument("rest", nargs=argparse.REMAINDER, help="a readmit command")
    return parser


def down(volumes: bool, terminal: Console) -> None:
    """Remove the containers, and with `volumes` the data, once the user has confirmed it.

    Raises StackError when the user does not confirm.
    """
    project = own_project(load())
    if volumes:
        clones.require_own_volumes(project.name, project.secrets_folder)
        terminal.print(f"This deletes all data of the stack {project.name}: encounters, snapshots, models, secrets.")
        if not sys.stdin.isatty() or input("Type its name to continue: ") != project.name:
            raise StackError("nothing was removed: the deletion was not confirmed")
    project.run("down", "--remove-orphans", *(["--volumes"] if volumes else []))
    if volumes and project.secrets_folder.exists():
        shutil.rmtree(project.secrets_folder)
    terminal.print(
        "The stack and its data were removed." if volumes else "Stopped; the data are kept. Start it with `just up`."
    )


def why(names: Sequence[str], terminal: Console) -> None:
    """Print what is wrong with services, of all or of the named ones."""
    problems = diagnose(own_project(load()), names)
    print_diagnoses(problems, terminal)
    if not problems:
        terminal.print("No service that was started has a problem.")


def report(terminal: Console) -> None:
    """Write a bug report on the stack."""
    settings = load()
    project = own_project(settings)
    write_report(container_report(project, settings), container_secrets(project, settings), terminal)


def follow_logs(names: Sequence[str]) -> NoReturn:
    """Print the last lines of the logs of services, of all or of the named ones, and those that follow."""
    project = own_project(load())
    _replace_process(project, project.command("logs", "--follow", "--tail", str(FOLLOWED_LINES), *names))


def exec_options(command: str, project: Project) -> list[str]:
    """Return the options of `exec` for a `readmit` command."""
    reader = project.variables.get("READMIT_READER_DATABASE_URL", READER_DATABASE_URL)
    return [part for name, text in cli_environment(command, reader).items() for part in ("-e", f"{name}={text}")]


def run_command(command: Sequence[str], terminal: Console) -> None:
    """Run a `readmit` command: days as Prefect flow runs, everything else in the `flows` container."""
    project = own_project(load())
    if command[:1] and command[0] in day_commands.COMMANDS:
        day_commands.run_command(command, project, terminal)
        return
    tty = [] if sys.stdin.isatty() and sys.stdout.isatty() else ["-T"]
    options = [*tty, *exec_options(command[0] if command else "", project)]
    argv = project.command("exec", *options, "flows", "python", "-m", "readmit.cli", *command)
    _replace_process(project, argv)


def _replace_process(project: Project, argv: Sequence[str]) -> NoReturn:
    """Run a command in place of this process, so that signals reach the command itself."""
    os.execvpe(argv[0], list(argv), dict(project.environment()))


if __name__ == "__main__":
    sys.exit(main())
