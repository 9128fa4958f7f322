"""`just day`, `just train` and `just backfill` on containers: runs that Prefect carries out, told as they go."""

import argparse
import time
from collections.abc import Sequence

from rich.console import Console

from readmit.cli_arguments import add_days, batches
from readmit.containers import flow_runs
from readmit.containers.flow_runs import ENDED, FlowRun, PrefectServer
from readmit.containers.project import Project
from readmit.stacks.errors import StackError

COMMANDS = ("day", "train", "backfill")
NEEDED = ("prefect", "flows")
LOOK_AGAIN_SECONDS = 0.5
LAST_WORDS_WITHIN_SECONDS = 3.0
"""A run hands its log on every two seconds, also after its end."""
UNSAID = "Finished in state Completed()"
"""What Prefect adds to each step that went well."""


def carry_out(command: Sequence[str], project: Project, terminal: Console) -> None:
    """What `readmit.cli_arguments` knows. StackRefused: it can't be asked of Prefect, or a run does not end well."""
    parser = argparse.ArgumentParser(prog="just")
    add_days(parser.add_subparsers(dest="command", required=True))
    asked = parser.parse_args(command)
    _require_running(project)
    prefect = flow_runs.server_of(project)
    if asked.command == "backfill":
        for batch in batches(asked.first, asked.last, _released(project)):
            follow(prefect, flow_runs.start(prefect, {"batch": batch}), terminal)
    elif asked.command == "train":
        follow(prefect, flow_runs.start(prefect, _named(asked.batch), "train"), terminal)
    else:
        wanted = {"train": asked.train == "yes", **_named(asked.batch)}
        follow(prefect, flow_runs.start(prefect, wanted), terminal)


def _released(project: Project) -> int:
    """How many batches the source has released that the days take from, which may be another than the stack's own."""
    asked = "from readmit.attempt import released; print(released())"
    return int(project.output("exec", "-T", "flows", "python", "-c", asked))


def _named(batch: int | None) -> dict[str, int]:
    return {} if batch is None else {"batch": batch}


def _require_running(project: Project) -> None:
    running = {state.service for state in project.states() if state.state == "running"}
    if missing := sorted(set(NEEDED) - running):
        raise StackError(f"{', '.join(missing)} is not up, and carries out the days: just up {' '.join(missing)}")


def follow(prefect: PrefectServer, run: FlowRun, terminal: Console) -> None:
    """Tells what a run says until it has ended. StackRefused: not well. Whoever interrupts leaves it running."""
    terminal.print(f"{run.name}: {flow_runs.page(prefect, run)}", markup=False, soft_wrap=True)
    told = set[str]()
    try:
        while (run := flow_runs.look(prefect, run)).state not in ENDED:
            _tell(prefect, run, told, terminal)
            time.sleep(LOOK_AGAIN_SECONDS)
        time.sleep(LAST_WORDS_WITHIN_SECONDS)
        _tell(prefect, run, told, terminal)
    except (KeyboardInterrupt, StackError):
        terminal.print("It goes on without us; Prefect's page shows it, and can cancel it.")
        raise
    if run.state != "COMPLETED":
        raise StackError(f"{run.name} ended as {run.state}: {run.why}")


def _tell(prefect: PrefectServer, run: FlowRun, told: set[str], terminal: Console) -> None:
    """Prints the lines of a run's log that were not told yet."""
    for number, line in flow_runs.said(prefect, run, told, len(told)):
        if line != UNSAID:
            terminal.print(line, markup=False, soft_wrap=True)
        told.add(number)
