"""`just demo`: every released batch as a day, from the data API to a served prediction, on this machine alone."""

import json
import logging
import sys
import time
from collections.abc import Mapping
from contextlib import suppress

import httpx
from rich.console import Console

from readmit.core.encounter import COLUMNS
from readmit.core.errors import ReadmitError
from readmit.core.splitting import SPLIT, Split
from readmit.embedded.banner import opening, services_are_up
from readmit.embedded.eta import Plan
from readmit.embedded.paths import PAGE, REPORT, folder_of
from readmit.embedded.processes import ServiceFailed
from readmit.embedded.progress import ProgressView, why_it_failed
from readmit.embedded.report import Report, report
from readmit.embedded.results_page import page
from readmit.embedded.services import flow
from readmit.embedded.signals import end_as_by_ctrl_c
from readmit.embedded.stack import SERVICES, Stack, free_ports, running
from readmit.embedded.summary import other_aim, summary
from readmit.io import api_reload, source_client
from readmit.io.database import ledger, rows
from readmit.io.registry.experiment_runs import ExperimentRuns
from readmit.io.registry.model_versions import Registry
from readmit.settings import SettingError, Settings, load
from readmit.stacks.errors import StackError
from readmit.stacks.terminal import console

# All batches are out at once; and somebody is watching, so that a step that fails is tried again soon.
OWN = {"READMIT_SOURCE_INTERVAL_SECONDS": "0", "READMIT_RETRY_DELAY_SECONDS": "3"}


def main() -> int:
    """0: all went well; 1: something failed, and what, is on the terminal; 130: interrupted."""
    terminal = console()
    logging.disable(logging.WARNING)
    end_as_by_ctrl_c()
    try:
        # A run that fails leaves no report, not even that of an earlier one.
        for file in (REPORT, PAGE):
            file.unlink(missing_ok=True)
        _demo(load(), terminal)
    except (ServiceFailed, StackError, SettingError, ReadmitError) as error:
        terminal.print(str(error), style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        with suppress(OSError):
            terminal.print("Interrupted; all that was started is stopped. The same command goes on where it was.")
        return 130
    return 0


def _demo(settings: Settings, terminal: Console) -> None:
    started = time.monotonic()
    folder = folder_of(settings)
    opening(settings, folder, terminal)
    ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
    with running(folder, ports, OWN) as stack:
        told = _days(stack, settings, terminal, started)
        for file in (folder / REPORT.name, REPORT):
            file.write_text(told.to_json())
        for file in (folder / PAGE.name, PAGE):
            file.write_text(page(json.loads(REPORT.read_text())))
    summary(told, terminal)
    terminal.print(f"\nPage of results: {PAGE} (every number of it is in {REPORT}). {told.seconds:.0f} s.")
    terminal.print("`just local` keeps this stack up, on the same data.")
    terminal.print(f"To start over, with empty stores: rm -r {folder}")


def _days(stack: Stack, settings: Settings, terminal: Console, started: float) -> Report:
    data = source_client.state(stack.addresses["ec2-api"])
    before, last = ledger.done_batches(), max((run.number for run in ledger.step_runs()), default=0)
    plan = Plan.of(set(range(1, data.released + 1)) - before, data.rows / data.batches)
    services_are_up(data, plan, terminal)
    stack.processes.start(flow(stack.environment))
    code = ProgressView(terminal, last, data, plan).follow(lambda seconds: stack.processes.wait("flow", seconds))
    if code != 0:
        raise ServiceFailed(why_it_failed(last, code, stack.processes))
    new = ledger.done_batches() - before
    production = Registry(stack.addresses["mlflow"]).production()
    did = {run.step for run in ledger.step_runs(last)}
    if did == {"check_source"}:
        terminal.print("Nothing new: every released batch is done already.")
    if production is not None and (said := other_aim(production, settings)):
        terminal.print(said)
    prediction = None if production is None else _predict(stack, production.number, max(before | new))
    runs, seconds = ExperimentRuns(stack.addresses["mlflow"]), time.monotonic() - started
    return report(data, settings.target, production, len(new), not new and "train" in did, prediction, runs, seconds)


def _predict(stack: Stack, version: str, batch: int) -> Mapping[str, object]:
    """Posts an encounter of a batch to the API, once that serves the version: one that no model learnt from."""
    api = stack.addresses["api"]
    # An API that was up before MLflow looks again after half a minute only, if nobody tells it to.
    api_reload.reload_everywhere([api], stack.environment["READMIT_RELOAD_TOKEN"], version)
    clean = rows.clean_rows(batch)
    unseen = clean.filter(clean[SPLIT] == Split.TEST.value)
    row = (clean if unseen.is_empty() else unseen).row(0, named=True)
    record = {name: row[name] for name in COLUMNS if row[name] is not None}
    answer = httpx.post(f"{api}/predict", json=record, timeout=30)
    if answer.status_code not in (200, 201):
        raise ServiceFailed(f"the API answers {answer.status_code} to encounter {row['encounter_id']}: {answer.text}")
    told: Mapping[str, object] = answer.json()
    return told


if __name__ == "__main__":
    sys.exit(main())
