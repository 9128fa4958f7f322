"""Evaluate production on the new batch; then fit every candidate on train and evaluate it on validation.

Each candidate is one MLflow run.
"""

from readmit.candidate_fits import comparable, fit_candidates
from readmit.core.dataset import dataset
from readmit.core.fit_key import DataSource, Objective, fit_key
from readmit.core.model import CANDIDATES, single_seeded
from readmit.core.snapshot import Snapshot
from readmit.core.splitting import SELECTION_SPLITS, Split
from readmit.io.code_revision import code_revision
from readmit.io.database import ledger
from readmit.io.object_store import Bucket
from readmit.io.registry.experiment_runs import ExperimentRuns
from readmit.io.registry.model_versions import Registry
from readmit.pipeline import Facts
from readmit.production_evaluation import evaluate_production
from readmit.settings import Settings


def run(batch: int, settings: Settings) -> Facts:
    """Return facts `NAME.FIGURE`, on validation, and `NAME.run` for each candidate. A run of the same fit is reused.

    Fact `prospective`: the version in production on this batch, from which nothing is learned before; `left_out`: the
    candidates that would take more memory than a training may take, if any.
    """
    bucket, runs = Bucket("datasets", *settings.s3_login), ExperimentRuns(settings.mlflow_tracking_uri)
    name = ledger.require_output(ledger.get_batch(batch), "snapshot_object")
    snapshot = Snapshot.from_json(bucket.get_verified(name))
    prospective = evaluate_production(snapshot, bucket, Registry(settings.mlflow_tracking_uri))
    objective, source = (
        Objective(settings.target, settings.threshold),
        DataSource(snapshot.hash, snapshot.batch, code_revision()),
    )
    candidates = comparable([single_seeded(candidate) for candidate in CANDIDATES], snapshot, settings.train_memory_mb)
    keys = {candidate.name: fit_key(candidate, source, objective, SELECTION_SPLITS) for candidate in candidates}
    finished = {candidate: run for candidate, key in keys.items() if (run := runs.find_finished(key)) is not None}
    missing = [(candidate, keys[candidate.name]) for candidate in candidates if candidate.name not in finished]
    if missing:
        data = {
            split: dataset(bucket.each_parquet(part.object_name for part in snapshot.of(split)), objective.target)
            for split in (Split.TRAIN, Split.VALIDATION)
        }
        fits = fit_candidates(
            missing, bucket.address(name), data[Split.TRAIN], data[Split.VALIDATION], settings.train_memory_mb
        )
        finished |= {fit.key.candidate: runs.record(fit) for fit in fits}
    facts: Facts = {"snapshot": snapshot.hash[:16], "target": objective.target, "prospective": prospective}
    if left_out := [candidate.name for candidate in CANDIDATES if candidate.name not in keys]:
        facts["left_out"] = f"{', '.join(left_out)}: more than READMIT_TRAIN_MEMORY_MB ({settings.train_memory_mb} MB)"
    for candidate in candidates:
        run = finished[candidate.name]
        facts |= {f"{candidate.name}.{figure}": value for figure, value in run.figures.items()}
        facts[f"{candidate.name}.run"] = run.run_id
    return facts
