"""`python -m k3s`: the recipes `just k3s::up`, `k3s::status`, `k3s::open`, `k3s::on`, `k3s::down` and `k3s::check`."""

import argparse
import logging
import sys
from collections.abc import Sequence
from functools import partial

from rich.console import Console

from k3s import cluster_status, kustomization
from k3s.cluster import Cluster, cluster_of
from k3s.cluster_settings import ClusterSettings
from k3s.commands import run_command
from k3s.manifests import render
from k3s.open_pages import open_pages
from k3s.overlay import COMPONENTS, OPTIONAL, PASSED_ON
from k3s.rollout import SELECTOR, RolloutOptions, prune, up
from readmit.network_variables import OTHER_TOOLS, drop_variables
from readmit.settings import PREFIX, environment_with, texts_of
from readmit.stacks.errors import StackError
from readmit.stacks.terminal import console, exit_code

STOP_TIMEOUT = "--timeout=180s"
JOBS = "prefect.io/work-pool-name=kubernetes"
"""The label that Prefect's work pool gives its Jobs."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Return its exit code."""
    args, terminal = _parser().parse_args(arguments), console()
    logging.disable(logging.WARNING)
    drop_variables(OTHER_TOOLS)
    return exit_code(partial(_dispatch, args, terminal), terminal)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m k3s", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("up", prog="just k3s::up")
    start.add_argument("--without", action="append", default=[], choices=OPTIONAL)
    start.add_argument("--with", action="append", default=[], choices=COMPONENTS, dest="components")
    start.add_argument("--no-day", action="store_true", help="do not start the first day")
    commands.add_parser("status")
    commands.add_parser("open")
    commands.add_parser("check")
    run = commands.add_parser("on", prog="just k3s::on")
    run.add_argument("rest", nargs=argparse.REMAINDER, metavar="COMMAND")
    stop = commands.add_parser("down", prog="just k3s::down")
    stop.add_argument("--volumes", action="store_true", help="also delete the data")
    return parser


def _dispatch(args: argparse.Namespace, terminal: Console) -> None:
    settings = ClusterSettings.from_environment()
    if args.command == "up":
        options = RolloutOptions(args.without, not args.no_day, args.components)
        up(options, settings, environment_with(texts_of(f"{PREFIX}{name}" for name in PASSED_ON)), terminal)
    elif args.command == "status":
        cluster_status.show(cluster_of(settings), terminal)
    elif args.command == "open":
        open_pages(cluster_of(settings), terminal)
    elif args.command == "on":
        if not args.rest:
            raise StackError("no command was given: `just k3s::on day`, `just k3s::on sql QUERY`")
        run_command(cluster_of(settings), args.rest, terminal)
    elif args.command == "check":
        check(cluster_of(settings), terminal)
    else:
        down(cluster_of(settings), args.volumes, terminal)


def check(cluster: Cluster, terminal: Console) -> None:
    """Render the base and each component. Raises StackError when kustomize rejects one."""
    for components in ((), ("ingress",), *((name,) for name in COMPONENTS)):
        manifests = render(cluster, kustomization.write_without_settings(components))
        terminal.print(f"{' with '.join(('base', *components))}: {len(manifests.names)} objects", markup=False)


def down(cluster: Cluster, volumes: bool, terminal: Console) -> None:
    """Delete the stack, and with `volumes` its data, once the user has confirmed it.

    Raises StackError when the user does not confirm.
    """
    if not volumes:
        prune(cluster, frozenset(), terminal)
        # First the worker, which could start another Job.
        cluster.output("wait", "pods", "--for=delete", "--selector", SELECTOR, STOP_TIMEOUT)
        cluster.output("delete", "jobs", "--selector", JOBS)
        cluster.output("wait", "pods", "--for=delete", "--selector", JOBS, STOP_TIMEOUT)
        terminal.print("The stack was removed; its data are kept. Start it with `just k3s::up`.")
        return
    terminal.print(f"This deletes the namespace {cluster.namespace} with all data: encounters, snapshots, models.")
    if not sys.stdin.isatty() or input("Type its name to continue: ") != cluster.namespace:
        raise StackError("nothing was removed: the deletion was not confirmed")
    cluster.output("delete", "namespace", cluster.namespace)
    terminal.print("The stack and its data were removed.")


if __name__ == "__main__":
    sys.exit(main())
