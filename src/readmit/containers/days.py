"""`just day`, `just train` and `just backfill` on containers: runs that Prefect carries out, told as they go."""

import argparse
import time
from collections.abc import Sequence

from rich.console import Console

from readmit.asked import add_days
from readmit.containers import flow_runs
from readmit.containers.flow_runs import ENDED, FlowRun
from readmit.containers.project import Project
from readmit.containers.status import told_by
from readmit.stacks.refusal import StackRefused

COMMANDS = ("day", "train", "backfill")
NEEDED = ("prefect", "flows")
LOOK_AGAIN_SECONDS = 0.5
LAST_WORDS_WITHIN_SECONDS = 3.0
"""A run hands its log on every two seconds, also after its end."""
UNSAID = "Finished in state Completed()"
"""What Prefect adds to each step that went well."""


def carry_out(command: Sequence[str], project: Project, terminal: Console) -> None:
    """What `readmit.asked` knows. StackRefused: it can't be asked of Prefect, or a run does not end well."""
    parser = argparse.ArgumentParser(prog="just")
    add_days(parser.add_subparsers(dest="command", required=True))
    asked = parser.parse_args(command)
    _require_running(project)
    services = {service.name: service for service in project.services()}
    prefect = services["prefect"].ports[0].address
    if asked.command == "backfill":
        health = told_by(services["ec2-api"], "/health")
        if health is None and asked.last is None:
            raise StackRefused("the source does not answer: say which batches, as in `just backfill 2 4`")
        last = asked.last or int(str(health["released"] if health else 0))
        for batch in range(asked.first or 1, last + 1):
            follow(prefect, flow_runs.start(prefect, {"batch": batch}), terminal)
    elif asked.command == "train":
        follow(prefect, flow_runs.start(prefect, _named(asked.batch), "train"), terminal)
    else:
        wanted = {"train": asked.train == "yes", **_named(asked.batch)}
        follow(prefect, flow_runs.start(prefect, wanted), terminal)


def _named(batch: int | None) -> dict[str, int]:
    return {} if batch is None else {"batch": batch}


def _require_running(project: Project) -> None:
    running = {state.service for state in project.states() if state.state == "running"}
    if missing := sorted(set(NEEDED) - running):
        raise StackRefused(f"{', '.join(missing)} is not up, and carries out the days: just up {' '.join(missing)}")


def follow(prefect: str, run: FlowRun, terminal: Console) -> None:
    """Tells what a run says until it has ended. StackRefused: not well. Whoever interrupts leaves it running."""
    terminal.print(f"{run.name}: {flow_runs.page(prefect, run)}", markup=False, soft_wrap=True)
    told = 0
    try:
        while (run := flow_runs.look(prefect, run)).state not in ENDED:
            told += _tell(prefect, run, told, terminal)
            time.sleep(LOOK_AGAIN_SECONDS)
        time.sleep(LAST_WORDS_WITHIN_SECONDS)
        _tell(prefect, run, told, terminal)
    except KeyboardInterrupt:
        terminal.print("It goes on without us; Prefect's page shows it, and can cancel it.")
        raise
    if run.state != "COMPLETED":
        raise StackRefused(f"{run.name} ended as {run.state}: {run.why}")


def _tell(prefect: str, run: FlowRun, after: int, terminal: Console) -> int:
    """Prints the lines of a run's log from that number on; how many there were."""
    lines = list(flow_runs.said(prefect, run, after))
    for line in lines:
        if line != UNSAID:
            terminal.print(line, markup=False, soft_wrap=True)
    return len(lines)
