"""What the demo says before it begins: what it will do, what it starts, and how long that takes."""

from pathlib import Path

from rich.console import Console

from readmit.embedded.eta import START_SECONDS, Plan, in_words
from readmit.embedded.labels import SOURCES
from readmit.embedded.services import PURPOSE
from readmit.embedded.stack import SERVICES
from readmit.io.source_client import SourceState
from readmit.settings import Settings
from readmit.stacks.terminal import counted

BATCH_ROWS = 15_000
"""As the data API cuts a file, unless it is told otherwise."""


def opening(settings: Settings, folder: Path, terminal: Console) -> None:
    """Before anything is started, when how much there is to do is not known yet."""
    named = "the file that READMIT_DATA names" if settings.data else "UCI's published file, else a synthetic sample"
    small, large = (in_words(START_SECONDS + _plan_of(batches).left({})) for batches in (2, 7))
    terminal.print(
        "Readmit takes encounters from the data API to a served prediction, a batch at a time: checked, stored, split, "
        f"learnt from, judged, served. Source: {named}."
    )
    terminal.print(
        f"On two cores that takes {small} for {2 * BATCH_ROWS:,} encounters, {large} for {7 * BATCH_ROWS:,}; a second "
        "run finds nothing new. At the end there is a page of results. It starts, on free ports:"
    )
    for name, purpose in {**{name: PURPOSE[name] for name in SERVICES}, "flow": "runs the days, then ends"}.items():
        terminal.print(f"  {name:<8} {purpose}")
    terminal.print(f"All of it is stopped at the end, on Ctrl-C, too; the state stays in {folder}.")


def services_are_up(data: SourceState, plan: Plan, terminal: Console) -> None:
    """When the source has told what it has."""
    released = counted(data.released, "batch", "batches")
    batches = len({batch for batch, _ in plan.tasks})
    ahead = f"{batches} of them to do, which takes {in_words(plan.left({}))}" if batches else "all of them done"
    terminal.print(f"Services are up. Source: {SOURCES[data.kind]}; {data.rows:,} encounters, {released}: {ahead}.")


def _plan_of(batches: int) -> Plan:
    return Plan.of(range(1, batches + 1), BATCH_ROWS)
