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
        while True:
            ended = (run := flow_runs.look(prefect, run)).state in ENDED
            for line in flow_runs.said(prefect, run, told):
                terminal.print(line, markup=False, soft_wrap=True)
                told += 1
            if ended:
                break
            time.sleep(LOOK_AGAIN_SECONDS)
    except KeyboardInterrupt:
        terminal.print("It goes on without us; Prefect's page shows it, and can cancel it.")
        raise
    if run.state != "COMPLETED":
        raise StackRefused(f"{run.name} ended as {run.state}: {run.why}")
