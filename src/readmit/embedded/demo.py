"""`just demo`: a day for every released batch, from the data API to a served prediction, on this machine alone."""

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
from readmit.embedded.banner import print_introduction, print_source_status
from readmit.embedded.eta import Plan
from readmit.embedded.paths import PAGE, REPORT, folder_of
from readmit.embedded.processes import ServiceError
from readmit.embedded.progress import ProgressView, failure_message
from readmit.embedded.report import Report, build_report
from readmit.embedded.results_page import render_page
from readmit.embedded.services import FLOW, flow
from readmit.embedded.stack import SERVICES, Stack, free_ports, running
from readmit.embedded.stop_signals import treat_signals_as_interrupt
from readmit.embedded.summary import print_summary, settings_mismatch
from readmit.io import api_reload, source_client
from readmit.io.database import ledger, rows, set_aside_batches
from readmit.io.registry.experiment_runs import ExperimentRuns
from readmit.io.registry.model_versions import Registry
from readmit.io.source_client import SourceEndpoint
from readmit.network_variables import OTHER_SERVERS, drop_variables
from readmit.settings import SettingError, Settings, load
from readmit.stacks.errors import StackError
from readmit.stacks.terminal import console

# All batches are released at once; and a failed step is retried soon, as somebody is watching.
DEMO_VARIABLES = {"READMIT_SOURCE_INTERVAL_SECONDS": "0", "READMIT_RETRY_DELAY_SECONDS": "3"}


def main() -> int:
    """Run the demo. Return 0 on success, 1 after an error, which is printed, or 130 when interrupted."""
    terminal = console()
    logging.disable(logging.WARNING)
    drop_variables(OTHER_SERVERS)
    treat_signals_as_interrupt()
    try:
        # A failed run leaves no report, not even that of an earlier run.
        for file in (REPORT, PAGE):
            file.unlink(missing_ok=True)
        _demo(load(), terminal)
    except (ServiceError, StackError, SettingError, ReadmitError) as error:
        terminal.print(str(error), style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        with suppress(OSError):
            terminal.print("Interrupted; all services are stopped. Run the same command to continue.")
        return 130
    return 0


def _demo(settings: Settings, terminal: Console) -> None:
    started = time.monotonic()
    folder = folder_of(settings)
    print_introduction(settings, folder, terminal)
    ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
    with running(folder, ports, DEMO_VARIABLES) as stack:
        report = _days(stack, settings, terminal, started)
        for file in (folder / REPORT.name, REPORT):
            file.write_text(report.to_json())
        for file in (folder / PAGE.name, PAGE):
            file.write_text(render_page(json.loads(REPORT.read_text())))
    print_summary(report, terminal)
    terminal.print(f"\nResults page: {PAGE} (all its numbers are in {REPORT}). {report.seconds:.0f} s.")
    terminal.print("`just local` starts this stack again, with the same data, and keeps it running.")
    terminal.print(f"To start over, with empty stores: rm -r {folder}")


def _days(stack: Stack, settings: Settings, terminal: Console, started: float) -> Report:
    data = source_client.fetch_state(SourceEndpoint(stack.addresses["ec2-api"]))
    done_before, last_attempt = ledger.done_batches(), max((run.number for run in ledger.list_step_runs()), default=0)
    pending = set(range(1, data.released + 1)) - done_before - set_aside_batches.numbers()
    plan = Plan.of(pending, data.rows / data.batches)
    print_source_status(data, plan, terminal)
    stack.processes.start(flow(stack.environment))
    code = ProgressView(terminal, last_attempt, data, plan).follow(lambda seconds: stack.processes.wait(FLOW, seconds))
    if code != 0:
        raise ServiceError(failure_message(last_attempt, code, stack.processes))
    new = ledger.done_batches() - done_before
    registry = Registry(stack.addresses["mlflow"])
    production = registry.production()
    completed_steps = {run.step for run in ledger.list_step_runs(last_attempt)}
    if completed_steps == {"check_source"}:
        terminal.print("No new batches: every released batch is already done.")
    if production is not None and (mismatch := settings_mismatch(production, settings)):
        terminal.print(mismatch)
    prediction = None if production is None else _predict(stack, production.number, max(done_before | new))
    return build_report(
        data,
        settings.target,
        production,
        None if production is None or not production.evaluation else registry.evaluation(production),
        len(new),
        not new and "train" in completed_steps,
        prediction,
        ExperimentRuns(stack.addresses["mlflow"]),
        time.monotonic() - started,
    )


def _predict(stack: Stack, version: str, batch: int) -> Mapping[str, object]:
    """Post an encounter of a batch to the API once it serves the version: one that no model was trained on."""
    api = stack.addresses["api"]
    # An API that started before MLflow retries only after half a minute, or when it receives a reload request.
    api_reload.reload_all([api], stack.environment["READMIT_RELOAD_TOKEN"], version)
    clean = rows.clean_rows(batch)
    unseen = clean.filter(clean[SPLIT] == Split.TEST.value)
    row = (clean if unseen.is_empty() else unseen).row(0, named=True)
    record = {name: row[name] for name in COLUMNS if row[name] is not None}
    response = httpx.post(f"{api}/predict", json=record, timeout=30, trust_env=False)
    if response.status_code not in (200, 201):
        raise ServiceError(
            f"the API returned {response.status_code} for encounter {row['encounter_id']}: {response.text}"
        )
    prediction: Mapping[str, object] = response.json()
    return prediction


if __name__ == "__main__":
    sys.exit(main())
