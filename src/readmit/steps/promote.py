"""Judge the challenger against the champion on the same test patients, and move the alias if it passes the gates."""

import time

from readmit import json_log
from readmit.challenger_verdict import current_verdict
from readmit.core.errors import PrerequisiteMissing
from readmit.io.database import ledger, promotions
from readmit.io.registry.model_versions import Registry
from readmit.pipeline import Facts
from readmit.promotion import apply_verdict, restore_production
from readmit.settings import Settings

LOGGER = "readmit.promotions"
RESTORED = "restored"
"""The outcome in the log when production returns to the version that it had for this target before."""


def run(batch: int, settings: Settings) -> Facts:
    """Judge the challenger and apply the verdict.

    A verdict that was applied stands. One that a crash left unapplied is applied, unless there is another champion
    by now. Raises VersionUnusable when either model can't be loaded; nothing is promoted then.
    """
    registry, started = Registry(settings.mlflow_tracking_uri), time.perf_counter()
    challenger = registry.version(ledger.require_output(ledger.get_batch(batch), "version"))
    if challenger.target != settings.target:
        raise PrerequisiteMissing(
            f"batch {batch}: version {challenger.number} predicts {challenger.target}, not {settings.target}: "
            "run register first"
        )
    verdict = promotions.get_verdict(challenger.number)
    if verdict is None or not promotions.is_applied(challenger.number):
        verdict = current_verdict(verdict, batch, challenger, registry, settings)
        apply_verdict(verdict, registry)
        promotions.mark_applied(verdict.version)
        _log(batch, verdict.version, verdict.outcome, started)
    if (restored := restore_production(challenger, registry)) is not None:
        _log(batch, restored, RESTORED, started)
    return {
        "version": verdict.version,
        "outcome": verdict.outcome,
        "reason": "; ".join(verdict.reasons),
        **verdict.figures,
    }


def _log(batch: int, version: str, outcome: str, started: float) -> None:
    """Log a verdict, or a version that was put back. The run that holds the lease of the batch is the one that runs."""
    json_log.write(
        LOGGER,
        "info",
        run_id=ledger.get_batch(batch).leased_by,
        batch=batch,
        version=version,
        seconds=round(time.perf_counter() - started, 3),
        outcome=outcome,
    )
