"""What `just local` and `just status` show of the embedded stack: its services, days, served version and source."""

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from readmit.core.errors import ReadmitError
from readmit.embedded.labels import SOURCE_LABELS
from readmit.embedded.paths import PAGE
from readmit.embedded.processes import is_healthy
from readmit.embedded.services import PURPOSES, health_url
from readmit.embedded.stack import StackState
from readmit.io import source_client
from readmit.io.database import ledger
from readmit.io.database.connection import connect
from readmit.io.source_client import SourceEndpoint
from readmit.run_history import RunHistory
from readmit.stacks.day_status import DaysSummary, status_lines
from readmit.stacks.terminal import counted


def show_services(addresses: Mapping[str, str], terminal: Console) -> None:
    """Print a table of the services and whether they are up."""
    table = Table("service", "state", "address", "purpose")
    for name, address in addresses.items():
        state = "[green]up[/green]" if is_healthy(health_url(name, address)) else "[red]down[/red]"
        table.add_row(name, state, address, PURPOSES[name])
    terminal.print(table)


def show_source(address: str, terminal: Console) -> None:
    """Print the source of the encounters, and how many of its batches are done."""
    data = source_client.fetch_state(SourceEndpoint(address))
    done = len(ledger.done_batches())
    terminal.print(
        f"Source: {SOURCE_LABELS[data.kind]}; {data.rows:,} encounters, {data.released} of "
        f"{counted(data.batches, 'batch', 'batches')} released, {done} done.",
        style="red" if data.kind == "sample" else None,
        markup=False,
    )


def show_page(folder: Path, terminal: Console) -> None:
    """Print where the results page is, if a demo on this source wrote one."""
    if (page := folder / PAGE.name).exists():
        terminal.print(f"Results page of the last `just demo`: {page.absolute().as_uri()}", soft_wrap=True)
    else:
        terminal.print("No results page for this source yet: `just demo` writes one")


def summary_lines(state: StackState) -> list[str]:
    """Return the lines on the last day, the served version and the source."""
    return status_lines(_read_days(state), state.addresses["api"], state.addresses["ec2-api"])


def _read_days(state: StackState) -> DaysSummary | ReadmitError:
    """Return the days of the ledger, or the error by which it was unavailable."""
    connect(state.variables["READMIT_DATABASE_URL"])
    try:
        history = RunHistory.read()
    except ReadmitError as error:
        return error
    return DaysSummary(history.done, history.last, history.not_today, history.set_aside)
