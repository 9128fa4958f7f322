"""Challenger against the model in place on the same test patients: the alias moves if the gates say so."""

from datetime import UTC, datetime

import numpy as np

from readmit.core.dataset import Dataset, dataset
from readmit.core.errors import PrerequisiteMissing, VersionUnusable
from readmit.core.fit_key import SEED
from readmit.core.metrics import Floats
from readmit.core.model import probabilities, raw_values
from readmit.core.production_history import last_in_place
from readmit.core.promotion_gates import Predictions, judge
from readmit.core.snapshot import Snapshot
from readmit.core.splitting import Split
from readmit.core.verdict import Verdict
from readmit.core.version import Version
from readmit.io.database import ledger, promotions
from readmit.io.lightgbm_native import scorer_of
from readmit.io.object_store import Bucket
from readmit.io.registry.model_versions import Registry
from readmit.pipeline import Facts
from readmit.settings import Settings


def run(batch: int, settings: Settings) -> Facts:
    """A verdict that was applied stands; one that a crash left unapplied is applied, if its rival is still in place.

    Raises VersionUnusable when either model can't be loaded; nothing is promoted then.
    """
    registry = Registry(settings.mlflow_tracking_uri)
    challenger = registry.version(ledger.require_output(ledger.batch_row(batch), "version"))
    if challenger.target != settings.target:
        raise PrerequisiteMissing(
            f"batch {batch}: version {challenger.number} foretells {challenger.target}, not {settings.target}; "
            "register comes before promote"
        )
    verdict = promotions.verdict_on(challenger.number)
    if verdict is None or not promotions.is_applied(challenger.number):
        verdict = _up_to_date(verdict, batch, challenger, registry, settings)
        _apply(verdict, registry)
        promotions.mark_applied(verdict.version)
    _back_in_place(challenger, registry)
    return {
        "version": verdict.version,
        "outcome": verdict.outcome,
        "reason": "; ".join(verdict.reasons),
        **verdict.figures,
    }


def _up_to_date(
    verdict: Verdict | None, batch: int, challenger: Version, registry: Registry, settings: Settings
) -> Verdict:
    """A stored verdict against who is in place now: another run may have promoted a version while this one judged."""
    rival = _in_place(challenger, registry)
    if verdict is not None and verdict.rival == _number(rival):
        return verdict
    test = _test_patients(batch, challenger.target, settings)
    while True:
        verdict = _decide(challenger, rival, registry, test)
        promotions.store(batch, challenger.target, verdict)
        before, rival = rival, _in_place(challenger, registry)
        if _number(before) == _number(rival):
            return verdict


def _number(version: Version | None) -> str | None:
    return None if version is None else version.number


def _in_place(challenger: Version, registry: Registry) -> Version | None:
    """The version that the challenger has to beat: in production, or there last while another target's is there now.

    A model of another target answers another question: it is no rival. Nor is one that a person rolled back from, or
    one that left production before anybody noted who was there: of those only the alias knows.
    """
    production = registry.production()
    if production is not None and production.target == challenger.target and production.number != challenger.number:
        return production
    return last_in_place(registry.versions(), challenger.target, other_than=challenger.number)


def _test_patients(batch: int, target: str, settings: Settings) -> Dataset:
    bucket = Bucket("datasets", *settings.s3_login)
    snapshot = Snapshot.from_json(
        bucket.get_verified(ledger.require_output(ledger.batch_row(batch), "snapshot_object"))
    )
    return dataset(bucket.read_parquet(part.object_name for part in snapshot.of(Split.TEST)), target)


def _decide(challenger: Version, rival: Version | None, registry: Registry, test: Dataset) -> Verdict:
    """The gates' verdict. Both models answer by the same of their two files, so that equal models answer equally."""
    fitted = challenger.model_file != "" and (rival is None or rival.model_file != "")
    own = _judged(challenger, registry, test, fitted)
    try:
        other = None if rival is None else _judged(rival, registry, test, fitted)
    except VersionUnusable as error:
        raise _stopped(challenger, error) from error
    return judge(challenger.target, test.labels, test.patients, own, other, SEED)


def _stopped(challenger: Version, error: VersionUnusable) -> VersionUnusable:
    return VersionUnusable(
        f"version {challenger.number} is not promoted, because the version to beat can't be loaded: {error}. "
        "Production stays as it is. Restore that version's files, or put another version in its place with "
        f"`just rollback NUMBER --why ...` (NUMBER may be {challenger.number}), and run the day again"
    )


def _judged(version: Version, registry: Registry, test: Dataset, fitted: bool) -> Predictions:
    said = probabilities(registry.load(version), test.encounters) if fitted else _compiled(version, registry, test)
    return Predictions(version.number, version.threshold, said)


def _compiled(version: Version, registry: Registry, test: Dataset) -> Floats:
    """Return what the compiled model says: versions from before `model_file` carry a hash of that file alone."""
    scorer = scorer_of(registry.scorer(version))
    scorer.verify()
    return np.array(scorer.answers(raw_values(test.encounters)))


def _apply(verdict: Verdict, registry: Registry) -> None:
    said = "promoted" if verdict.promoted else "refused"
    registry.tag_figures(verdict.version, verdict.figures, f"{said}: {'; '.join(verdict.reasons)}")
    # A crash may have left a verdict that the alias followed, and a person may have rolled it back since.
    if verdict.promoted and not registry.version(verdict.version).rolled_back:
        _place(verdict.version, "; ".join(verdict.reasons), registry)


def _back_in_place(challenger: Version, registry: Registry) -> None:
    """Who comes back to a target finds the version in production that was there last for it."""
    production = registry.production()
    if production is None or production.target != challenger.target:
        last = last_in_place(registry.versions(), challenger.target)
        if last is not None:
            _place(last.number, f"the target is {challenger.target} again", registry)


def _place(version: str, why: str, registry: Registry) -> None:
    registry.name_production(version, "promote", why, datetime.now(UTC))
