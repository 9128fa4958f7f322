"""The report of a day, from the ledger, which the step `signal` stores."""

import json

from readmit.core.verdict import Verdict
from readmit.io.database import ledger, promotions, prospective_results, set_aside_batches
from readmit.io.database.tables import StepRun
from readmit.run_history import set_aside_text, skipped_days


def day_report(batch: int) -> str:
    """Return the report of a batch's day as JSON: the last successful attempt at each earlier step, and the verdict.

    `prospective`: the evaluation of the version in production, made before anything was learned from the batch.
    `not_today`: the runs since the day before that found the source stopped outside its hours.
    """
    verdict, runs = _verdict(batch), _successful_runs(batch)
    stored = prospective_results.get_evaluation(batch)
    earlier = [row.done_at for row in ledger.list_batches() if row.batch < batch and row.done_at is not None]
    report = {
        "batch": batch,
        "steps": {name: {"seconds": run.seconds, **ledger.parse_facts(run)} for name, run in runs.items()},
        "verdict": None if verdict is None else json.loads(verdict.to_json()),
        "prospective": None if stored is None else json.loads(stored.evaluation.to_json()),
        "not_today": skipped_days(max(earlier, default=None)),
        "set_aside": [set_aside_text(entry) for entry in set_aside_batches.list_current()],
    }
    return json.dumps(report, indent=1)


def _successful_runs(batch: int) -> dict[str, StepRun]:
    """Return the last successful attempt at each step before this one.

    Others are ignored: another run may be waiting for the batch in check_source, or was killed there.
    """
    successful = (run for run in ledger.list_step_runs(batch=batch) if run.state == "done" and run.step != "signal")
    return {run.step: run for run in successful}


def _verdict(batch: int) -> Verdict | None:
    version = ledger.get_batch(batch).version
    return None if version is None else promotions.get_verdict(str(version))
