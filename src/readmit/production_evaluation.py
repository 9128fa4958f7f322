"""The evaluation of the version in production on a batch, before anything is learned from the batch."""

from collections.abc import Sequence
from datetime import UTC, datetime

from readmit.core.dataset import dataset
from readmit.core.errors import VersionUnusable
from readmit.core.fit_key import SEED
from readmit.core.prospective import EvaluatedModel, ProspectiveEvaluation
from readmit.core.prospective_estimation import evaluate_prospectively
from readmit.core.snapshot import Snapshot
from readmit.core.snapshot_part import Part
from readmit.core.version import Version
from readmit.io.database import ledger, promotions, prospective_results
from readmit.io.database.prospective_results import StoredEvaluation
from readmit.io.object_store import Bucket
from readmit.io.registry.model_versions import Registry
from readmit.model_comparison import compiled_probabilities

NO_VERSION = "not evaluated: no version is known that was in production before the batch and had not learned from it"
NO_STAYS = "not evaluated: no stay of the batch is included"


def evaluate_production(snapshot: Snapshot, bucket: Bucket, registry: Registry) -> str:
    """Evaluate on the snapshot's batch, and on earlier ones whose evaluation is missing or on other data.

    A stored evaluation stands. Return the summary of that on the snapshot's batch, or why there is none.
    """
    production = registry.production()
    batches = sorted({part.batch for part in snapshot.parts} | {snapshot.batch})
    results = [_evaluate_batch(batch, snapshot, production, bucket, registry) for batch in batches]
    return results[-1]


def _evaluate_batch(
    batch: int, snapshot: Snapshot, production: Version | None, bucket: Bucket, registry: Registry
) -> str:
    parts = tuple(part for part in snapshot.parts if part.batch == batch)
    data, stored = Snapshot(batch, parts).hash, prospective_results.get_evaluation(batch)
    if stored is not None and stored.data == data:
        return stored.evaluation.summary()
    version = _version_before(batch, stored, production, registry)
    if version is None or version.batch >= batch:
        return NO_VERSION
    if not any(part.rows for part in parts):
        return NO_STAYS
    try:
        evaluation = _evaluate(version, batch, parts, bucket, registry)
    except VersionUnusable as error:
        # The step `promote` fails on such a champion, with a remedy that needs a challenger: this step must go on.
        return f"not evaluated: {error}"
    prospective_results.store_evaluation(evaluation, data)
    return evaluation.summary()


def _version_before(
    batch: int, stored: StoredEvaluation | None, production: Version | None, registry: Registry
) -> Version | None:
    """Return the version in production when the batch arrived; None when there was none or it is not known.

    That of an evaluation on other data of the batch; else the champion of the batch's verdict; else the present one, if
    the batch is not done or was done after that one's promotion.
    """
    if stored is not None:
        return registry.version(stored.evaluation.model.version)
    row = ledger.get_batch(batch)
    verdict = None if row.version is None else promotions.get_verdict(str(row.version))
    if verdict is not None:
        return None if verdict.rival is None else registry.version(verdict.rival)
    if row.done_at is None or (production is not None and _promoted_before(production, row.done_at)):
        return production
    return None


def _promoted_before(version: Version, done_at: datetime) -> bool:
    """Return whether a version was promoted before a time of the ledger, which is UTC without a time zone."""
    note = version.promoted_note
    return note is not None and datetime.fromisoformat(note.at) < done_at.replace(tzinfo=UTC)


def _evaluate(
    version: Version, batch: int, parts: Sequence[Part], bucket: Bucket, registry: Registry
) -> ProspectiveEvaluation:
    stays = dataset(bucket.each_parquet(part.object_name for part in parts), version.target)
    predicted = compiled_probabilities(version, registry, stays.encounters)
    model = EvaluatedModel(batch, version.number, version.target, version.batch, version.threshold)
    return evaluate_prospectively(model, stays.labels, predicted, stays.patients, SEED)
