"""The day without an orchestrator, what it left out, and the way back from the version that it promoted.

`readmit day --batch 3`, `readmit train`, `readmit backfill 2 4`, `readmit step clean --batch 3`, `readmit quarantine`,
`readmit release --batch 3`, `readmit rollback --why "..."`, `readmit days`, `readmit sql "SELECT ..."`,
`readmit migrate`.
"""

import argparse
import logging
import os
import shutil
import sys
import time
import uuid
from collections.abc import Iterable, Sequence

from readmit import sql, step_summary
from readmit.attempt import attempt, release_lease, released
from readmit.cli_arguments import add_days, add_train, batches, number
from readmit.core.errors import LeaseLost, ReadmitError
from readmit.io.database import ledger
from readmit.io.database.connection import connect, make_databases
from readmit.io.database.schema import migrate
from readmit.io.object_store import Bucket
from readmit.pipeline import BY_NAME, Facts, RunRequest, Step, day, is_retryable
from readmit.quarantine import Listing, release_in_words
from readmit.rollback import roll_back
from readmit.run_history import RunHistory
from readmit.settings import SettingError, Settings, load


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
    one.add_argument("--batch", type=number, help="number of the batch; only check_source does without")
    add_days(commands)
    left_out = commands.add_parser("quarantine", help="what was left out and why, and what was refused as a whole")
    left_out.add_argument("--batch", type=number, help="number of the batch; all, in short, if left out")
    left_out.add_argument("--rows", action="store_true", help="every encounter one by one, not only the first")
    again = commands.add_parser("release", help="a batch again from fetch on, after its source was mended")
    again.add_argument("--batch", type=number, required=True, help="number of the batch")
    add_train(again)
    back = commands.add_parser("rollback", help="the version that served before, or another one, into production")
    back.add_argument("--version", help="number of the version; that which served before if left out")
    back.add_argument("--why", required=True, help="what is noted on both versions")
    back.add_argument("--by", help="who asks for it; the login name if left out")
    history = commands.add_parser("days", help="which batches are done, and how the last one ended")
    history.add_argument("--json", action="store_true", help="for a program")
    question = commands.add_parser(
        "sql", help="one question to the databases, read-only; CSV where no terminal reads it"
    )
    question.add_argument("question", help="for example: SELECT batch_number, COUNT(*) FROM diabetes_raw GROUP BY 1")
    commands.add_parser("migrate", help="brings databases and buckets to what this version needs")
    return parser


def _carry_out(asked: argparse.Namespace) -> None:
    if asked.command == "migrate":
        prepare_stores(load())
    elif asked.command == "days":
        connect(load().database_address)
        history = RunHistory.read()
        _print([history.to_json()] if asked.json else history.lines())
    elif asked.command == "step":
        run_step(asked.name, asked.batch)
    elif asked.command == "quarantine":
        connect(load().database_address)
        _print(Listing(asked.batch, asked.rows, _width()).lines())
    elif asked.command == "sql":
        _print(sql.lines(load().database_address, asked.question, _width()))
    elif asked.command == "release":
        release(asked.batch, asked.train == "yes")
    elif asked.command == "rollback":
        _print(roll_back(asked.version, asked.by, asked.why))
    elif asked.command == "backfill":
        backfill(asked.first, asked.last)
    elif asked.command == "train":
        run_day(RunRequest(uuid.uuid4().hex, asked.batch, ingest=False))
    else:
        run_day(RunRequest(uuid.uuid4().hex, asked.batch, asked.train == "yes"))


def _width() -> int | None:
    """Columns of the terminal; None: what is printed goes elsewhere."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def prepare_stores(settings: Settings) -> None:
    """Tables, and the bucket of the MLflow server, which makes none by itself."""
    make_databases(settings.database_address)
    connect(settings.database_address)
    migrate(settings.target)
    Bucket("mlflow", *settings.s3_login).make()


def run_step(name: str, batch: int | None) -> None:
    """One step alone, under a lease of its own; without a batch only the door is looked at."""
    ticket = RunRequest(uuid.uuid4().hex, batch)
    found = attempt(BY_NAME["check_source"], ticket) if name == "check_source" or batch is not None else None
    if found is None:
        raise SettingError(f"step {name} needs the number of a batch; check_source alone does without")
    chosen = found["batch"]
    try:
        if name == "check_source":
            _say(name, found)
        elif found["go_on"]:
            _say(name, attempt(BY_NAME[name], ticket))
    finally:
        release_lease(RunRequest(ticket.run_id, chosen if isinstance(chosen, int) else None))


def run_day(ticket: RunRequest, reopen: bool = False) -> bool:
    """The whole day; what fails is tried again as the table says. False: there was nothing to do.

    `reopen`: from the door on the batch is not done until this day is over.
    """
    steps = 0
    for name, facts in day(ticket, _try_again):
        _say(name, facts)
        steps += 1
        if reopen and name == "check_source" and facts["go_on"]:
            ledger.reopen(int(str(facts["batch"])))
    return steps > 1


def backfill(first: int | None, last: int | None) -> None:
    """Those batches again, one whole day after the other. NotThereYet: one of them is not released."""
    for batch in batches(first, last, released()):
        run_day(RunRequest(uuid.uuid4().hex, batch))


def release(batch: int, train: bool) -> None:
    """Takes a batch again whose source was mended, and says what became of its quarantine.

    NotThereYet: it never came. LeaseLost: another run has done it meanwhile.
    """
    connect(load().database_address)
    before = ledger.batch_row(batch)
    if not run_day(RunRequest(uuid.uuid4().hex, batch, train), reopen=True):
        raise LeaseLost(f"batch {batch} was done by another run meanwhile: release it again if it is not mended yet")
    _print(release_in_words(before))


def _try_again(step: Step, ticket: RunRequest) -> Facts:
    delay = load().retry_delay(step.retry_delay_seconds)
    for left in range(step.retries, 0, -1):
        try:
            return attempt(step, ticket)
        except Exception as error:
            if not is_retryable(error):
                raise
            logging.warning("%s: %s; again in %.0f s, %d tries left", step.name, error, delay, left)
            time.sleep(delay)
    return attempt(step, ticket)


def _say(name: str, facts: Facts) -> None:
    print("\n".join(step_summary.lines(name, facts)), flush=True)


def _print(lines: Iterable[str]) -> None:
    try:
        for line in lines:
            print(line)
        sys.stdout.flush()
    except BrokenPipeError:
        # `| head` has seen enough; what Python would flush at its end goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
