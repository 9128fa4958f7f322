"""The APIs reload and confirm that they serve the production version; the day's report is written."""

import json
import time

from readmit.core.errors import PrerequisiteMissing
from readmit.core.verdict import Verdict
from readmit.io import api_reload, pushgateway
from readmit.io.database import ledger, promotions
from readmit.io.database.tables import StepRun
from readmit.io.object_store import Bucket
from readmit.io.registry.model_versions import Registry
from readmit.pipeline import Facts
from readmit.settings import Settings


def run(batch: int, settings: Settings) -> Facts:
    """`replicas`: how many confirmed. NotServed: one does not; it polls the alias too, so the next try may find it."""
    version = ledger.require_output(ledger.batch_row(batch), "version")
    if not promotions.is_applied(version):
        raise PrerequisiteMissing(f"batch {batch}: version {version} is not judged yet; promote comes before signal")
    production = Registry(settings.mlflow_tracking_uri).production()
    replicas = 0
    if production is not None:
        replicas = api_reload.reload_everywhere(settings.api_urls, settings.secret("reload_token"), production.number)
    name = f"days/{batch:04d}.json"
    Bucket("datasets", *settings.s3_login).put(name, json.dumps(_report(batch), indent=1).encode())
    if settings.pushgateway_url is not None:
        pushgateway.push(
            settings.pushgateway_url, _figures(batch, None if production is None else int(production.number))
        )
    return {"version": None if production is None else production.number, "replicas": replicas, "report": name}


def _report(batch: int) -> dict[str, object]:
    """What the day did until here, from the ledger: the last good attempt at each step, and the verdict."""
    verdict = _verdict(batch)
    return {
        "batch": batch,
        "steps": {name: {"seconds": run.seconds, **ledger.facts_of(run)} for name, run in _good_runs(batch).items()},
        "verdict": None if verdict is None else json.loads(verdict.to_json()),
    }


def _figures(batch: int, production: int | None) -> pushgateway.DayMetrics:
    """The same for Prometheus. The batch counts as done: this is its last step."""
    row, verdict = ledger.batch_row(batch), _verdict(batch)
    return pushgateway.DayMetrics(
        batch=batch,
        batches_done=len(ledger.done_batches() | {batch}),
        rows={station: int(ledger.require_output(row, column)) for station, column in ledger.ROW_STAGES.items()},
        step_seconds={name: run.seconds for name, run in _good_runs(batch).items() if run.seconds is not None},
        production=production,
        figures={} if verdict is None else verdict.figures,
        finished_at=time.time(),
    )


def _good_runs(batch: int) -> dict[str, StepRun]:
    """The last good attempt at each step before this one.

    Not whatever else is noted for the batch: another run may wait for it at the door, or was killed there.
    """
    good = (run for run in ledger.step_runs(batch=batch) if run.state == "done" and run.step != "signal")
    return {run.step: run for run in good}


def _verdict(batch: int) -> Verdict | None:
    version = ledger.batch_row(batch).version
    return None if version is None else promotions.verdict_on(str(version))
