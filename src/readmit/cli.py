"""Run and inspect days without an orchestrator.

`readmit day --batch 3`, `readmit train`, `readmit backfill 2 4`, `readmit step clean --batch 3`, `readmit quarantine`,
`readmit release --batch 3`, `readmit set-aside --batch 3 --why "..."`, `readmit rollback --why "..."`, `readmit days`,
`readmit sql "SELECT ..."`, `readmit prune`, `readmit migrate`.
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
from readmit.cli_arguments import add_days, add_train, backfill_range, batch_number
from readmit.core.errors import LeaseLost, ReadmitError, SourceUnavailable
from readmit.io.database import ledger, set_aside_batches
from readmit.io.database.connection import connect, create_databases
from readmit.io.database.schema import migrate
from readmit.io.object_store import Bucket
from readmit.pipeline import BY_NAME, Facts, RunRequest, Step, day
from readmit.quarantine_listing import Listing, release_summary
from readmit.retry import is_retryable
from readmit.rollback import roll_back
from readmit.run_history import RunHistory
from readmit.set_aside import set_aside, undo_set_aside
from readmit.settings import SettingError, Settings, load
from readmit.step_attempt import attempt, release_lease, released


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0: done, or nothing to do; 1: rejected or failed, with the reason on stderr. Wrong usage exits with 2.
    """
    args = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    for library in ("httpx", "botocore"):
        logging.getLogger(library).setLevel(logging.WARNING)
    try:
        _dispatch(args)
    except (ReadmitError, SettingError) as error:
        print(f"readmit: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="readmit", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    step = commands.add_parser("step", help="run one step of one batch, for the first time or again")
    step.add_argument("name", choices=list(BY_NAME))
    step.add_argument("--batch", type=batch_number, help="batch number; optional for check_source only")
    add_days(commands)
    quarantine = commands.add_parser("quarantine", help="list quarantined encounters and rejected batches")
    quarantine.add_argument("--batch", type=batch_number, help="batch number; default: a summary of all batches")
    quarantine.add_argument("--rows", action="store_true", help="list every encounter, not only the first ones")
    release = commands.add_parser("release", help="run a batch again from fetch on, after its source was corrected")
    release.add_argument("--batch", type=batch_number, required=True, help="batch number")
    add_train(release)
    set_aside = commands.add_parser("set-aside", help="leave out a batch that always fails, so that later ones go on")
    set_aside.add_argument("--batch", type=batch_number, required=True, help="batch number")
    set_aside.add_argument("--why", help="reason, recorded with the batch; required without --undo")
    set_aside.add_argument("--by", help="your name, recorded with the batch; default: the login name")
    set_aside.add_argument("--undo", action="store_true", help="open the batch again")
    rollback = commands.add_parser("rollback", help="put the previous version, or a given one, into production")
    rollback.add_argument("--version", help="version number; default: the previous version")
    rollback.add_argument("--why", required=True, help="reason, recorded on both versions")
    rollback.add_argument("--by", help="your name, recorded with the rollback; default: the login name")
    days = commands.add_parser("days", help="list the batches that are done, and the outcome of the last one")
    days.add_argument("--json", action="store_true", help="print JSON")
    query = commands.add_parser(
        "sql", help="run a read-only query on the databases; prints a table on a terminal, otherwise CSV"
    )
    query.add_argument("question", help="for example: SELECT batch_number, COUNT(*) FROM diabetes_raw GROUP BY 1")
    prune = commands.add_parser("prune", help="list stored objects that nothing in use refers to, or remove them")
    prune.add_argument("--yes", action="store_true", help="remove them; default: only list how many there are")
    commands.add_parser("migrate", help="create the databases and buckets, or migrate them to this version")
    return parser


def _dispatch(args: argparse.Namespace) -> None:
    if args.command == "migrate":
        prepare_stores(load())
    elif args.command == "days":
        connect(load().database_address)
        history = RunHistory.read()
        _print([history.to_json()] if args.json else history.lines())
    elif args.command == "step":
        run_step(args.name, args.batch)
    elif args.command == "quarantine":
        connect(load().database_address)
        _print(Listing(args.batch, args.rows, _terminal_width()).lines())
    elif args.command == "sql":
        _print(sql.lines(load().database_address, args.question, _terminal_width()))
    elif args.command == "release":
        release(args.batch, args.train == "yes")
    elif args.command == "rollback":
        _print(roll_back(args.version, args.by, args.why))
    elif args.command == "set-aside":
        connect(load().database_address)
        _print(undo_set_aside(args.batch, args.by) if args.undo else set_aside(args.batch, args.by, args.why))
    elif args.command == "prune":
        # Imported here: MLflow takes seconds, which no other command should wait for.
        from readmit.prune import prune

        settings = load()
        connect(settings.database_address)
        _print(prune(args.yes, settings))
    elif args.command == "backfill":
        backfill(args.first, args.last)
    elif args.command == "train":
        run_day(RunRequest(uuid.uuid4().hex, args.batch, ingest=False))
    else:
        run_day(RunRequest(uuid.uuid4().hex, args.batch, args.train == "yes"))


def _terminal_width() -> int | None:
    """Return the terminal's width in columns, or None when the output is not a terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def prepare_stores(settings: Settings) -> None:
    """Create or migrate the tables, and create the bucket of the MLflow server, which creates none by itself."""
    create_databases(settings.database_address)
    connect(settings.database_address)
    migrate(settings.target)
    Bucket("mlflow", *settings.s3_login).make()


def run_step(name: str, batch: int | None) -> None:
    """Run one step alone, under its own lease. Raises SettingError when a step other than check_source has no batch."""
    request = RunRequest(uuid.uuid4().hex, batch)
    admission = attempt(BY_NAME["check_source"], request) if name == "check_source" or batch is not None else None
    if admission is None:
        raise SettingError(f"step {name} needs a batch number: add --batch")
    admitted = admission["batch"]
    try:
        if name == "check_source":
            _print_facts(name, admission)
        elif admission["go_on"]:
            _print_facts(name, attempt(BY_NAME[name], request))
        else:
            _require_source(admission, batch)
            _print_facts("check_source", admission)
    finally:
        release_lease(RunRequest(request.run_id, admitted if isinstance(admitted, int) else None))


def run_day(request: RunRequest, reopen: bool = False) -> bool:
    """Run the whole day, retrying failed steps as the step table says, and return whether there was work to do.

    With `reopen`, the batch counts as not done from its admission until this day is over.
    """
    steps = 0
    for name, facts in day(request, _attempt_with_retries):
        _print_facts(name, facts)
        steps += 1
        if name == "check_source":
            _require_source(facts, request.batch)
        if reopen and name == "check_source" and facts["go_on"]:
            ledger.reopen(int(str(facts["batch"])))
    return steps > 1


def _require_source(admission: Facts, batch: int | None) -> None:
    """Raise SourceUnavailable when a batch was asked for and the source is stopped, outside its hours."""
    if batch is not None and "not_today" in admission:
        raise SourceUnavailable(f"batch {batch} was not run, because the source is stopped: {admission['not_today']}")


def backfill(first: int | None, last: int | None) -> None:
    """Run a whole day for each of the batches, in order. Raises SettingError when one of them is not released."""
    connect(load().database_address)
    for batch in backfill_range(first, last, released(), set_aside_batches.numbers()):
        run_day(RunRequest(uuid.uuid4().hex, batch))


def release(batch: int, train: bool) -> None:
    """Run a batch again whose source was corrected, and print what became of its quarantine.

    Raises PrerequisiteMissing when it was never fetched, and LeaseLost when another run has done it meanwhile.
    """
    connect(load().database_address)
    before = ledger.get_batch(batch)
    if not run_day(RunRequest(uuid.uuid4().hex, batch, train), reopen=True):
        raise LeaseLost(
            f"batch {batch} was completed by another run in the meantime: release it again if it is still faulty"
        )
    _print(release_summary(before))


def _attempt_with_retries(step: Step, request: RunRequest) -> Facts:
    delay = load().retry_delay(step.retry_delay_seconds)
    for retries_left in range(step.retries, 0, -1):
        try:
            return attempt(step, request)
        # Any error, as under an orchestrator: which are worth a retry is decided in one place.
        except Exception as error:
            if not is_retryable(error):
                raise
            logging.warning("%s: %s; retrying in %.0f s, %d retries left", step.name, error, delay, retries_left)
            time.sleep(delay)
    return attempt(step, request)


def _print_facts(name: str, facts: Facts) -> None:
    print("\n".join(step_summary.lines(name, facts)), flush=True)


def _print(lines: Iterable[str]) -> None:
    try:
        for line in lines:
            print(line)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader, such as `| head`, has closed the pipe: discard what Python would flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
