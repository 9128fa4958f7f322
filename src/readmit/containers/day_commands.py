"""`just day`, `just train` and `just backfill` on containers: Prefect flow runs whose log is printed live."""

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial

from rich.console import Console

from readmit.cli_arguments import add_days, backfill_range
from readmit.containers import flow_runs
from readmit.containers.flow_runs import TERMINAL_STATES, FlowRun, PrefectServer
from readmit.containers.project import Project
from readmit.stacks.errors import StackError

COMMANDS = ("day", "train", "backfill")
REQUIRED_SERVICES = ("prefect", "flows")
POLL_SECONDS = 0.5
LOG_FLUSH_SECONDS = 3.0
"""A run sends its log every two seconds, including after its end."""
HIDDEN_LINE = "Finished in state Completed()"
"""The line that Prefect logs for each successful step."""


def run_command(command: Sequence[str], project: Project, terminal: Console) -> None:
    """Run a command of `readmit.cli_arguments`. Raises StackError when Prefect is unavailable or a run fails."""
    args = parse(command)
    _require_running(project)
    in_flows = partial(project.output, "exec", "-T", "flows", "python", "-c")
    run_days(args, flow_runs.prefect_server(project), in_flows, terminal)


def parse(command: Sequence[str]) -> argparse.Namespace:
    """Return the arguments of a command."""
    parser = argparse.ArgumentParser(prog="just")
    add_days(parser.add_subparsers(dest="command", required=True))
    return parser.parse_args(command)


def run_days(
    args: argparse.Namespace,
    prefect: PrefectServer,
    in_flows: Callable[[str], str],
    terminal: Console,
    at_once: bool = False,
) -> None:
    """Run parsed arguments. Raises StackError when Prefect is unavailable or a run fails.

    `in_flows`: returns the output of a Python program in the container of the flows. `at_once`: whether all batches of
    a backfill start at once; then each must have been ingested before.
    """
    if args.command == "backfill":
        batches = backfill_range(args.first, args.last, *_released_and_set_aside(in_flows))
        starts = (flow_runs.start(prefect, {"batch": batch}) for batch in batches)
        if at_once:
            _follow_all(prefect, list(starts), terminal)
        else:
            for run in starts:
                follow(prefect, run, terminal)
    elif args.command == "train":
        follow(prefect, flow_runs.start(prefect, _batch_parameter(args.batch), "train"), terminal)
    else:
        only_next = {} if args.batch is not None else {"max_batches": 1}
        parameters = {"train": args.train == "yes", **_batch_parameter(args.batch), **only_next}
        follow(prefect, flow_runs.start(prefect, parameters), terminal)


RELEASED_AND_SET_ASIDE = """
from readmit.io.database import set_aside_batches
from readmit.io.database.connection import connect
from readmit.settings import load
from readmit.step_attempt import released

connect(load().database_address)
print(released(), *set_aside_batches.numbers())
"""


def _released_and_set_aside(in_flows: Callable[[str], str]) -> tuple[int, list[int]]:
    """Return the number of released batches of the source, which may not be the stack's own, and those set aside."""
    released, *set_aside = in_flows(RELEASED_AND_SET_ASIDE).split()
    return int(released), list(map(int, set_aside))


def _batch_parameter(batch: int | None) -> dict[str, int]:
    return {} if batch is None else {"batch": batch}


def _require_running(project: Project) -> None:
    running = {state.service for state in project.states() if state.state == "running"}
    if missing := sorted(set(REQUIRED_SERVICES) - running):
        raise StackError(f"not running, but a day needs them: {', '.join(missing)}; run `just up {' '.join(missing)}`")


def follow(prefect: PrefectServer, run: FlowRun, terminal: Console) -> None:
    """Print the log of a run until it ends; an interrupt leaves it running. Raises StackError when the run fails."""
    terminal.print(f"{run.name}: {flow_runs.page_url(prefect, run)}", markup=False, soft_wrap=True)
    printed = set[str]()
    try:
        while (run := flow_runs.refresh(prefect, run)).state not in TERMINAL_STATES:
            _print_new_lines(prefect, run, printed, terminal)
            time.sleep(POLL_SECONDS)
        time.sleep(LOG_FLUSH_SECONDS)
        _print_new_lines(prefect, run, printed, terminal)
    except (KeyboardInterrupt, StackError):
        terminal.print("The run continues in Prefect; its page shows it and can cancel it.")
        raise
    if run.state != "COMPLETED":
        raise StackError(f"{run.name} ended as {run.state}: {run.message}")


def _follow_all(prefect: PrefectServer, runs: Sequence[FlowRun], terminal: Console) -> None:
    """Print the logs of runs one after the other. Raises StackError with each run that fails, once all have ended."""
    errors = []
    for run in runs:
        try:
            follow(prefect, run, terminal)
        except StackError as error:
            errors.append(str(error))
    if errors:
        raise StackError("; ".join(errors))


def _print_new_lines(prefect: PrefectServer, run: FlowRun, printed: set[str], terminal: Console) -> None:
    """Print the lines of a run's log that were not printed yet."""
    for line_id, line in flow_runs.log_lines(prefect, run, printed, len(printed)):
        if line != HIDDEN_LINE:
            terminal.print(line, markup=False, soft_wrap=True)
        printed.add(line_id)
