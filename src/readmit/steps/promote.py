"""Challenger against the production model on the same test patients: the alias moves if the gates say so."""

from readmit.core.dataset import Dataset, dataset
from readmit.core.judging import Judged, Verdict, judge
from readmit.core.model import probabilities
from readmit.core.snapshot import Snapshot
from readmit.core.splitting import Split
from readmit.core.training import SEED
from readmit.core.version import Version
from readmit.io.database import ledger, promotions
from readmit.io.objects import Bucket
from readmit.io.registry import Registry
from readmit.pipeline import Facts
from readmit.settings import Settings


def run(batch: int, settings: Settings) -> Facts:
    """A verdict that was stored before stands; one that a crash left unapplied is applied."""
    registry, row = Registry(settings.mlflow_tracking_uri), ledger.batch_row(batch)
    challenger = registry.version(ledger.made(row, "version"))
    verdict = promotions.verdict_on(challenger.number)
    if verdict is None:
        bucket = Bucket("datasets", *settings.s3_login)
        snapshot = Snapshot.from_json(bucket.kept(ledger.made(row, "snapshot_object")))
        test = dataset(bucket.frame(part.object_name for part in snapshot.of(Split.TEST)), challenger.target)
        verdict = _decide(challenger, registry, test)
        promotions.store(batch, verdict)
    if not promotions.is_applied(verdict.version):
        _apply(verdict, registry)
        promotions.mark_applied(verdict.version)
    return {
        "version": verdict.version,
        "promoted": verdict.promoted,
        "provisional": verdict.provisional,
        "reason": "; ".join(verdict.reasons),
        **verdict.figures,
    }


def _decide(challenger: Version, registry: Registry, test: Dataset) -> Verdict:
    production = registry.production()
    # A model of another target answers another question: it is no rival.
    rival = production if production is not None and production.target == challenger.target else None
    return judge(
        challenger.target,
        test.labels,
        test.patients,
        _judged(challenger, registry, test),
        None if rival is None else _judged(rival, registry, test),
        SEED,
    )


def _judged(version: Version, registry: Registry, test: Dataset) -> Judged:
    said = probabilities(registry.load(version).pipeline, test.encounters)
    return Judged(version.number, version.threshold, said)


def _apply(verdict: Verdict, registry: Registry) -> None:
    said = "promoted" if verdict.promoted else "refused"
    registry.tag_figures(verdict.version, verdict.figures, f"{said}: {'; '.join(verdict.reasons)}")
    if verdict.promoted:
        registry.name_production(verdict.version)
