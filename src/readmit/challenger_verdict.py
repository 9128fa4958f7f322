"""The verdict on a challenger: a stored one while it still holds, or a new comparison with the champion."""

from readmit.core.dataset import Dataset, dataset
from readmit.core.snapshot import Snapshot
from readmit.core.splitting import Split
from readmit.core.verdict import Verdict
from readmit.core.version import Version
from readmit.io.database import ledger, promotions
from readmit.io.object_store import Bucket
from readmit.io.registry.model_versions import Registry
from readmit.model_comparison import EarlierVersions, compare
from readmit.promotion import find_better, find_champion
from readmit.settings import Settings
from readmit.version_card import check_card, read_training_facts
from readmit.version_evaluation import store_version_evaluation


def current_verdict(
    verdict: Verdict | None, batch: int, challenger: Version, registry: Registry, settings: Settings
) -> Verdict:
    """Return a stored verdict against the present champion: another run may promote a version while this one judges."""
    champion = find_champion(challenger, registry)
    if verdict is not None and verdict.rival == _number(champion):
        return verdict
    test, training = (
        _test_patients(batch, challenger.target, settings),
        read_training_facts(batch, challenger.target, settings),
    )
    # First, so that every version with a verdict has an evaluation.
    _evaluate(challenger, batch, test, registry, settings)
    while True:
        compared = compare(challenger, _earlier_versions(challenger, champion, registry), registry, test)
        verdict = check_card(compared, challenger, training)
        promotions.store_verdict(batch, challenger.target, verdict, training)
        before, champion = champion, find_champion(challenger, registry)
        if _number(before) == _number(champion):
            return verdict


def _earlier_versions(challenger: Version, champion: Version | None, registry: Registry) -> EarlierVersions:
    verdicts = [
        verdict for verdict in promotions.target_verdicts(challenger.target) if verdict.version != challenger.number
    ]
    return EarlierVersions(champion, find_better(champion, verdicts, registry), len(verdicts))


def _number(version: Version | None) -> str | None:
    return None if version is None else version.number


def _evaluate(challenger: Version, batch: int, test: Dataset, registry: Registry, settings: Settings) -> None:
    store_version_evaluation(challenger, _snapshot(batch, _datasets(settings)), test, registry)


def _test_patients(batch: int, target: str, settings: Settings) -> Dataset:
    bucket = _datasets(settings)
    parts = _snapshot(batch, bucket).of(Split.TEST)
    return dataset(bucket.each_parquet(part.object_name for part in parts), target)


def _datasets(settings: Settings) -> Bucket:
    return Bucket("datasets", *settings.s3_login)


def _snapshot(batch: int, bucket: Bucket) -> Snapshot:
    name = ledger.require_output(ledger.get_batch(batch), "snapshot_object")
    return Snapshot.from_json(bucket.get_verified(name))
