"""`python -m k3s`: the recipes `just k3s::up`, `k3s::status`, `k3s::open`, `k3s::down` and `k3s::check`."""

import argparse
import logging
import sys
from collections.abc import Sequence

from rich.console import Console

from k3s import cluster_status
from k3s.cluster import NAMESPACE, ROOT, Cluster, cluster_of
from k3s.cluster_settings import ClusterSettings
from k3s.manifests import render
from k3s.open_pages import open_pages
from k3s.rollout import RolloutOptions, prune, up
from readmit.settings import SettingError, environment_with
from readmit.stacks.errors import StackError
from readmit.stacks.terminal import console


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Return 0 on success, 1 with the reason on an error, 130 when interrupted."""
    args, terminal = _parser().parse_args(arguments), console()
    logging.disable(logging.WARNING)
    try:
        _dispatch(args, terminal)
    except (StackError, SettingError) as error:
        terminal.print(str(error), style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m k3s", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("up", prog="just k3s::up")
    start.add_argument("--without", action="append", default=[], choices=["grafana", "ui", "alertmanager"])
    start.add_argument("--no-day", action="store_true", help="do not start the first day")
    commands.add_parser("status")
    commands.add_parser("open")
    commands.add_parser("check")
    stop = commands.add_parser("down", prog="just k3s::down")
    stop.add_argument("--volumes", action="store_true", help="also delete the data")
    return parser


def _dispatch(args: argparse.Namespace, terminal: Console) -> None:
    settings = ClusterSettings.from_environment()
    if args.command == "up":
        options = RolloutOptions(args.without, not args.no_day)
        up(options, settings, environment_with({}), terminal)
    elif args.command == "status":
        cluster_status.show(cluster_of(settings), terminal)
    elif args.command == "open":
        open_pages(cluster_of(settings), terminal)
    elif args.command == "check":
        check(cluster_of(settings), terminal)
    else:
        down(cluster_of(settings), args.volumes, terminal)


def check(cluster: Cluster, terminal: Console) -> None:
    """Render the base and the ingress. Raises StackError when kustomize rejects one."""
    for name in ("base", "ingress"):
        count = len(render(cluster, ROOT / "k3s" / name).names)
        terminal.print(f"k3s/{name}: {count} objects")


def down(cluster: Cluster, volumes: bool, terminal: Console) -> None:
    """Delete the stack, and with `volumes` its data, once the user has confirmed it.

    Raises StackError when the user does not confirm.
    """
    if not volumes:
        prune(cluster, frozenset(), terminal)
        terminal.print("The stack was removed; its data are kept. Start it with `just k3s::up`.")
        return
    terminal.print(f"This deletes the namespace {NAMESPACE} with all data: encounters, snapshots, models.")
    if not sys.stdin.isatty() or input("Type its name to continue: ") != NAMESPACE:
        raise StackError("nothing was removed: the deletion was not confirmed")
    cluster.output("delete", "namespace", NAMESPACE)
    terminal.print("The stack and its data were removed.")


if __name__ == "__main__":
    sys.exit(main())
