"""Judge the challenger against the champion on the same test patients, and move the alias if it passes the gates."""

import time
from datetime import UTC, datetime

import numpy as np

from readmit import json_log
from readmit.core.dataset import Dataset, dataset
from readmit.core.errors import PrerequisiteMissing, VersionUnusable
from readmit.core.fit_key import SEED
from readmit.core.metrics import Floats
from readmit.core.model import probabilities, raw_values
from readmit.core.production_history import last_in_production
from readmit.core.promotion_gates import Predictions, judge
from readmit.core.snapshot import Snapshot
from readmit.core.splitting import Split
from readmit.core.verdict import Verdict
from readmit.core.version import Version
from readmit.io.database import ledger, promotions
from readmit.io.lightgbm_native import load_scorer
from readmit.io.object_store import Bucket
from readmit.io.registry.model_versions import Registry
from readmit.pipeline import Facts
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
        verdict = _current_verdict(verdict, batch, challenger, registry, settings)
        _apply(verdict, registry)
        promotions.mark_applied(verdict.version)
        _log(batch, verdict.version, verdict.outcome, started)
    if (restored := _restore_production(challenger, registry)) is not None:
        _log(batch, restored, RESTORED, started)
    return {
        "version": verdict.version,
        "outcome": verdict.outcome,
        "reason": "; ".join(verdict.reasons),
        **verdict.figures,
    }


def _current_verdict(
    verdict: Verdict | None, batch: int, challenger: Version, registry: Registry, settings: Settings
) -> Verdict:
    """Return a stored verdict against the present champion: another run may promote a version while this one judges."""
    champion = _champion(challenger, registry)
    if verdict is not None and verdict.rival == _number(champion):
        return verdict
    test = _test_patients(batch, challenger.target, settings)
    while True:
        verdict = _decide(challenger, champion, registry, test)
        promotions.store_verdict(batch, challenger.target, verdict)
        before, champion = champion, _champion(challenger, registry)
        if _number(before) == _number(champion):
            return verdict


def _number(version: Version | None) -> str | None:
    return None if version is None else version.number


def _champion(challenger: Version, registry: Registry) -> Version | None:
    """Return the version to beat: the one in production, or the last one there for the challenger's target.

    A model of another target is not a champion, because it predicts something else. Nor is a version that was rolled
    back from, or one that left production before promotions were recorded.
    """
    production = registry.production()
    if production is not None and production.target == challenger.target and production.number != challenger.number:
        return production
    return last_in_production(registry.versions(), challenger.target, excluding=challenger.number)


def _test_patients(batch: int, target: str, settings: Settings) -> Dataset:
    bucket = Bucket("datasets", *settings.s3_login)
    snapshot = Snapshot.from_json(
        bucket.get_verified(ledger.require_output(ledger.get_batch(batch), "snapshot_object"))
    )
    return dataset(bucket.read_parquet(part.object_name for part in snapshot.of(Split.TEST)), target)


def _decide(challenger: Version, champion: Version | None, registry: Registry, test: Dataset) -> Verdict:
    """Return the verdict of the gates.

    Both models predict from the same one of their two files, so that equal models have equal predictions.
    """
    fitted = challenger.model_file != "" and (champion is None or champion.model_file != "")
    challenger_predictions = _predict(challenger, registry, test, fitted)
    try:
        champion_predictions = None if champion is None else _predict(champion, registry, test, fitted)
    except VersionUnusable as error:
        raise _champion_unusable(challenger, error) from error
    return judge(challenger.target, test.labels, test.patients, challenger_predictions, champion_predictions, SEED)


def _champion_unusable(challenger: Version, error: VersionUnusable) -> VersionUnusable:
    return VersionUnusable(
        f"version {challenger.number} is not promoted, because the version to beat can't be loaded: {error}. "
        "Production stays as it is. Restore that version's files, or put another version in its place with "
        f"`just rollback NUMBER --why ...` (NUMBER may be {challenger.number}), and run the day again"
    )


def _predict(version: Version, registry: Registry, test: Dataset, fitted: bool) -> Predictions:
    if fitted:
        predicted = probabilities(registry.load(version), test.encounters)
    else:
        predicted = _compiled_probabilities(version, registry, test)
    return Predictions(version.number, version.threshold, predicted)


def _compiled_probabilities(version: Version, registry: Registry, test: Dataset) -> Floats:
    """Return the compiled model's probabilities, shape (rows,): older versions carry a hash of its file only."""
    scorer = load_scorer(registry.scorer(version))
    scorer.verify()
    return np.array(scorer.probabilities(raw_values(test.encounters)))


def _apply(verdict: Verdict, registry: Registry) -> None:
    outcome = "promoted" if verdict.promoted else "refused"
    registry.tag_figures(verdict.version, verdict.figures, f"{outcome}: {'; '.join(verdict.reasons)}")
    # After a crash the alias may have moved before the verdict was marked as applied, and been rolled back since.
    if verdict.promoted and not registry.version(verdict.version).rolled_back:
        _set_production(verdict.version, "; ".join(verdict.reasons), registry)


def _restore_production(challenger: Version, registry: Registry) -> str | None:
    """Put the last production version of the target back, after days with another target. Return it if it moved."""
    production = registry.production()
    if production is not None and production.target == challenger.target:
        return None
    last = last_in_production(registry.versions(), challenger.target)
    if last is None:
        return None
    _set_production(last.number, f"the target is {challenger.target} again", registry)
    return last.number


def _set_production(version: str, why: str, registry: Registry) -> None:
    registry.set_production(version, "promote", why, datetime.now(UTC))


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
