"""The day without an orchestrator: `readmit step clean --batch 3`, `readmit day --batch 3`, `readmit migrate`."""

import argparse
import logging
import sys
import time
import uuid
from collections.abc import Sequence

from readmit.attempt import attempt, let_go
from readmit.core.refusal import ReadmitError
from readmit.io.database.connection import connect
from readmit.io.database.tables import migrate
from readmit.pipeline import BY_NAME, Facts, Step, Ticket, day, worth_another_try
from readmit.settings import SettingError, load


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0: done, or nothing to do; 1: refused or failed, with the reason on stderr; 2: wrong usage."""
    asked = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        _carry_out(asked)
    except (ReadmitError, SettingError) as error:
        print(f"readmit: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="readmit", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("step", help="one step of one batch, again or for the first time")
    one.add_argument("name", choices=list(BY_NAME))
    one.add_argument("--batch", type=_number, help="number of the batch; only check_source does without")
    whole = commands.add_parser("day", help="the eleven steps for one batch")
    whole.add_argument("--batch", type=_number, help="number of the batch; the next one if left out")
    whole.add_argument("--train", choices=["yes", "no"], default="yes", help="no: the day ends after upload")
    commands.add_parser("migrate", help="makes the tables that are not there yet")
    return parser


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of a batch: they count from 1")
    return int(text)


def _carry_out(asked: argparse.Namespace) -> None:
    if asked.command == "migrate":
        connect(load().database_address)
        migrate()
    elif asked.command == "step":
        run_step(asked.name, asked.batch)
    else:
        run_day(asked.batch, asked.train == "yes")


def run_step(name: str, batch: int | None) -> None:
    """One step alone, under a lease of its own; without a batch only the door is looked at."""
    ticket = Ticket(uuid.uuid4().hex, batch)
    found = attempt(BY_NAME["check_source"], ticket) if name == "check_source" or batch is not None else None
    if found is None:
        raise SettingError(f"step {name} needs --batch")
    chosen = found["batch"]
    try:
        if name == "check_source":
            _say(name, found)
        elif found["go_on"]:
            _say(name, attempt(BY_NAME[name], ticket))
    finally:
        let_go(Ticket(ticket.run_id, chosen if isinstance(chosen, int) else None))


def run_day(batch: int | None, train: bool) -> None:
    """The whole day; what fails is tried again as the table says."""
    ticket = Ticket(uuid.uuid4().hex, batch, train)
    for name, facts in day(ticket, _try_again):
        _say(name, facts)


def _try_again(step: Step, ticket: Ticket) -> Facts:
    delay = load().retry_delay(step.retry_delay_seconds)
    for left in range(step.retries, 0, -1):
        try:
            return attempt(step, ticket)
        except Exception as error:
            if not worth_another_try(error):
                raise
            logging.warning("%s: %s; again in %.0f s, %d tries left", step.name, error, delay, left)
            time.sleep(delay)
    return attempt(step, ticket)


def _say(name: str, facts: Facts) -> None:
    told = ", ".join(
        f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in facts.items()
    )
    print(f"{name}: {told}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
