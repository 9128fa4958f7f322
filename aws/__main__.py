"""`python -m aws`: the recipes `just aws::up`, `aws::status`, `aws::schedule` and `aws::down`."""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from aws.aws_cron import START, STOP, check_schedules
from aws.clients import connect
from aws.errors import AwsCommandError, explain
from aws.instance_status import status_lines
from aws.provisioning import down, require_not_terminated, require_stack, schedule, up
from aws.up_options import check_name, check_options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Return 0 on success, 1 with the reason on an error, 130 when interrupted."""
    args = _parser().parse_args(arguments)
    try:
        _dispatch(args)
    except AwsCommandError as error:
        print(error, file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError) as error:
        print(explain(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m aws", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("up", prog="just aws::up")
    create.add_argument("--image", help="image of the data API in a registry; the first time only, or to change it")
    create.add_argument("--instance", metavar="ID", help="start and stop this existing instance instead of a new one")
    create.add_argument(
        "--allow", metavar="NETWORK", help="open port 5001 to this network, over TLS; else it is closed"
    )
    create.add_argument("--certificate", type=Path, metavar="FILE", help="certificate of the data API, in PEM")
    create.add_argument("--key", type=Path, metavar="FILE", help="key of that certificate, in PEM")
    show = commands.add_parser("status", prog="just aws::status")
    change = commands.add_parser("schedule", prog="just aws::schedule")
    change.add_argument("start", help=f"cron expression of AWS, in America/Lima: '{START}'")
    change.add_argument("stop", help=f"the same for the stop: '{STOP}'")
    delete = commands.add_parser("down", prog="just aws::down")
    delete.add_argument("--yes", action="store_true", help="delete without a confirmation")
    for command in (create, change, delete):
        command.add_argument("--dry-run", action="store_true", help="list what would be changed, and change nothing")
    for command in (create, show, change, delete):
        command.add_argument("--name", default="readmit", help="name of the stack; default: %(default)s")
    return parser


def _dispatch(args: argparse.Namespace) -> None:
    name, now = check_name(args.name), datetime.now(UTC)
    if args.command == "up":
        options = check_options(name, args.image, args.instance, args.allow, (args.certificate, args.key))
        up(connect(), options, args.dry_run, now, print)
    elif args.command == "status":
        clients = connect()
        stack = require_stack(clients, name)
        require_not_terminated(clients, stack)
        for line in status_lines(clients, stack, now):
            print(line)
    elif args.command == "schedule":
        crons = check_schedules(args.start, args.stop, now)
        schedule(connect(), name, crons, args.dry_run, now, print)
    else:
        down(connect(), name, args.dry_run, args.yes, print)


if __name__ == "__main__":
    sys.exit(main())
