"""Let the APIs reload and confirm that they serve the production version, and write the day's report."""

import json

from readmit.core.errors import PrerequisiteMissing
from readmit.core.verdict import Verdict
from readmit.io import api_reload
from readmit.io.database import ledger, promotions, set_aside_batches
from readmit.io.database.tables import StepRun
from readmit.io.object_store import Bucket
from readmit.io.registry.model_versions import Registry
from readmit.pipeline import Facts
from readmit.run_history import set_aside_text, skipped_days
from readmit.settings import Settings


def run(batch: int, settings: Settings) -> Facts:
    """Reload the APIs and write the report. `replicas`: how many confirmed.

    Raises ReloadUnconfirmed when one does not. Each API also polls the alias, so the next attempt may succeed.
    """
    version = ledger.require_output(ledger.get_batch(batch), "version")
    if not promotions.is_applied(version):
        raise PrerequisiteMissing(f"batch {batch}: version {version} is not judged yet: run promote first")
    production = Registry(settings.mlflow_tracking_uri).production()
    replicas = 0
    if production is not None:
        replicas = api_reload.reload_all(settings.api_urls, settings.secret("reload_token"), production.number)
    name = f"days/{batch:04d}.json"
    Bucket("datasets", *settings.s3_login).put(name, json.dumps(_report(batch), indent=1).encode())
    return {"version": None if production is None else production.number, "replicas": replicas, "report": name}


def _report(batch: int) -> dict[str, object]:
    """Return the day's report, from the ledger: the last successful attempt at each earlier step, and the verdict.

    `not_today`: the runs since the day before that found the source stopped outside its hours.
    """
    verdict, runs = _verdict(batch), _successful_runs(batch)
    earlier = [row.done_at for row in ledger.list_batches() if row.batch < batch and row.done_at is not None]
    return {
        "batch": batch,
        "steps": {name: {"seconds": run.seconds, **ledger.parse_facts(run)} for name, run in runs.items()},
        "verdict": None if verdict is None else json.loads(verdict.to_json()),
        "not_today": skipped_days(max(earlier, default=None)),
        "set_aside": [set_aside_text(entry) for entry in set_aside_batches.list_current()],
    }


def _successful_runs(batch: int) -> dict[str, StepRun]:
    """Return the last successful attempt at each step before this one.

    Others are ignored: another run may be waiting for the batch in check_source, or was killed there.
    """
    successful = (run for run in ledger.list_step_runs(batch=batch) if run.state == "done" and run.step != "signal")
    return {run.step: run for run in successful}


def _verdict(batch: int) -> Verdict | None:
    version = ledger.get_batch(batch).version
    return None if version is None else promotions.get_verdict(str(version))
