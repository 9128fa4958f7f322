"""What the demo prints before it starts: what it will do, which services it runs, and how long that takes."""

from pathlib import Path

from rich.console import Console

from readmit.embedded.eta import START_SECONDS, Plan, format_duration
from readmit.embedded.labels import SOURCE_LABELS
from readmit.embedded.services import FLOW, PURPOSES
from readmit.embedded.stack import SERVICES
from readmit.io.source_client import SourceState
from readmit.settings import Settings
from readmit.stacks.terminal import counted

BATCH_ROWS = 15_000
"""The data API's default batch size, in encounters."""


def print_introduction(settings: Settings, folder: Path, terminal: Console) -> None:
    """Print what the demo does, before it is known how many batches there are."""
    source = "the file that READMIT_DATA names" if settings.data else "UCI's published file, or else a synthetic sample"
    small, large = (format_duration(START_SECONDS + _plan_of(batches).remaining_seconds({})) for batches in (2, 7))
    terminal.print(
        "Readmit processes encounters in batches, from the data API to a served prediction: check, store, split, "
        f"train, evaluate, serve. Source: {source}."
    )
    terminal.print(
        f"On two cores this takes {small} for {2 * BATCH_ROWS:,} encounters and {large} for {7 * BATCH_ROWS:,}. "
        "If run again, it finds no new batches. It ends with a results page. It starts these services on free ports:"
    )
    for name, purpose in {**{name: PURPOSES[name] for name in SERVICES}, FLOW: "runs the days, then exits"}.items():
        terminal.print(f"  {name:<8} {purpose}")
    terminal.print(f"All services are stopped at the end, or on Ctrl-C; the state is kept in {folder}.")


def print_source_status(data: SourceState, plan: Plan, terminal: Console) -> None:
    """Print the source, its encounters, and how many batches are to be processed."""
    released = counted(data.released, "batch", "batches")
    batches = len({batch for batch, _ in plan.tasks})
    duration = format_duration(plan.remaining_seconds({}))
    todo = f"{batches} to process, which takes {duration}" if batches else "all done"
    source = SOURCE_LABELS[data.kind]
    terminal.print(f"Services are up. Source: {source}; {data.rows:,} encounters, {released}: {todo}.")


def _plan_of(batches: int) -> Plan:
    return Plan.of(range(1, batches + 1), BATCH_ROWS)
