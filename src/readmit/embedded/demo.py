"""`just demo`: every released batch as a day, from the data API to a served prediction, on this machine alone."""

import hashlib
import logging
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

import httpx
from rich.console import Console

from readmit.core.encounter import COLUMNS
from readmit.embedded.processes import Service, ServiceFailed
from readmit.embedded.progress import follow
from readmit.embedded.report import Report, report
from readmit.embedded.stack import PORTS, Stack, StackRefused, free_ports, running
from readmit.embedded.summary import SOURCES, summary
from readmit.io import source
from readmit.io.database import ledger, rows
from readmit.io.registry import Registry
from readmit.settings import SettingError, Settings, load

FOLDER = Path("var/demo")
# All batches are out at once; and somebody is watching, so that a step that fails is tried again soon.
OWN = {"READMIT_SOURCE_INTERVAL_SECONDS": "0", "READMIT_RETRY_DELAY_SECONDS": "3"}


def folder_of(settings: Settings) -> Path:
    """Where the state of a source lies: another file starts fresh, the same one goes on."""
    name = "" if settings.data is None else str(settings.data.expanduser().resolve())
    return FOLDER / hashlib.sha256(name.encode()).hexdigest()[:12]


def main() -> int:
    """0: all went well; 1: something failed, and what, is on the terminal; 130: interrupted."""
    console = Console(highlight=False)
    logging.disable(logging.WARNING)
    signal.signal(signal.SIGTERM, interrupt)
    try:
        _demo(load(), console)
    except (ServiceFailed, StackRefused, SettingError) as error:
        console.print(str(error), style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("Interrupted; all that was started is stopped. The same command goes on where it was.")
        return 130
    return 0


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """A signal handler: SIGTERM ends us as Ctrl-C does, so that all that was started is stopped."""
    raise KeyboardInterrupt


def _demo(settings: Settings, console: Console) -> None:
    started = time.monotonic()
    folder = folder_of(settings)
    console.print(f"Readmit: from the data API to a served prediction. State: {folder}. A few minutes on two cores.")
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    with running(folder, ports, OWN) as stack:
        told = _days(stack, settings, console, started)
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "report.json").write_text(told.to_json())
    summary(told, console)
    console.print(f"\nReport: {FOLDER / 'report.json'}. {told.seconds:.0f} s. `just local` keeps this stack up.")


def _days(stack: Stack, settings: Settings, console: Console, started: float) -> Report:
    data = source.state(stack.addresses["ec2-api"])
    console.print(f"Services are up. Source: {SOURCES[data.kind]}; {data.rows:,} encounters, {data.released} batches.")
    before, last = ledger.done_batches(), max((run.number for run in ledger.step_runs()), default=0)
    stack.processes.start(Service("flow", (sys.executable, "-m", "flows.daily"), stack.environment))
    code = follow(console, last, data.released, lambda seconds: stack.processes.wait("flow", seconds))
    if code != 0:
        raise ServiceFailed(f"the flow ended with code {code}\n{stack.processes.tail('flow')}")
    new = ledger.done_batches() - before
    if not new:
        console.print("Nothing new: every released batch is done already.")
    registry = Registry(stack.addresses["mlflow"])
    prediction = None if registry.production() is None else _predict(stack.addresses["api"], max(before | new))
    return report(data, settings.target, registry, len(new), prediction, time.monotonic() - started)


def _predict(api: str, batch: int) -> Mapping[str, object]:
    """Posts the first clean encounter of a batch."""
    row = rows.clean_rows(batch).row(0, named=True)
    record = {name: row[name] for name in COLUMNS if row[name] is not None}
    answer = httpx.post(f"{api}/predict", json=record, timeout=30)
    if answer.status_code not in (200, 201):
        raise ServiceFailed(f"the API answers {answer.status_code} to encounter {row['encounter_id']}: {answer.text}")
    told: Mapping[str, object] = answer.json()
    return told


if __name__ == "__main__":
    sys.exit(main())
