"""Refit the selected candidate on train and validation, as a bag if it is one, and register it as a version.

A version carries its compiled model, which is the one that is served, and both are checked to predict alike.
"""

from readmit.candidate_fits import comparable
from readmit.core.candidate_selection import PatientLosses, select_candidate
from readmit.core.errors import PrerequisiteMissing
from readmit.core.fit_key import SEED, DataSource, FitKey, Objective, fit_key
from readmit.core.model import CANDIDATES, single_seeded
from readmit.core.snapshot import Snapshot
from readmit.core.splitting import REFIT_SPLITS, SELECTION_SPLITS
from readmit.io.code_revision import code_revision
from readmit.io.database import ledger, promotions
from readmit.io.object_store import Bucket
from readmit.io.registry.experiment_runs import ExperimentRuns
from readmit.io.registry.model_versions import Registry
from readmit.pipeline import Facts
from readmit.refit import refit
from readmit.settings import Settings


def run(batch: int, settings: Settings) -> Facts:
    """Register the winning candidate as the challenger. A version of the same fit is reused.

    Raises PrerequisiteMissing when a candidate is not trained on the snapshot yet.
    """
    bucket = Bucket("datasets", *settings.s3_login)
    registry, runs = Registry(settings.mlflow_tracking_uri), ExperimentRuns(settings.mlflow_tracking_uri)
    name = ledger.require_output(ledger.get_batch(batch), "snapshot_object")
    snapshot = Snapshot.from_json(bucket.get_verified(name))
    objective, source = (
        Objective(settings.target, settings.threshold),
        DataSource(snapshot.hash, snapshot.batch, code_revision()),
    )
    candidates = comparable(CANDIDATES, snapshot, settings.train_memory_mb)
    keys = [fit_key(single_seeded(candidate), source, objective, SELECTION_SPLITS) for candidate in candidates]
    selection = select_candidate(_validation_losses(runs, keys), SEED)
    winner = next(candidate for candidate in candidates if candidate.name == selection.selected)
    key = fit_key(winner, source, objective, REFIT_SPLITS)
    version = registry.find_version(key)
    if version is None:
        run = runs.find_finished(key) or runs.record(refit(winner, key, bucket, name, snapshot))
        version = registry.register(run, key)
    if promotions.get_verdict(version.number) is None:
        registry.set_challenger(version.number)
    ledger.update_batch(batch, version=int(version.number))
    facts: Facts = {"version": version.number, "candidate": winner.name, "run": version.run_id}
    return facts | {"reason": selection.reason, "log_loss": selection.log_loss}


def _validation_losses(runs: ExperimentRuns, keys: list[FitKey]) -> dict[str, PatientLosses]:
    finished = {key.candidate: runs.find_finished(key) for key in keys}
    if missing := sorted(name for name, run in finished.items() if run is None):
        raise PrerequisiteMissing(f"not trained on this snapshot yet: {', '.join(missing)}; run train first")
    return {name: runs.losses(run.run_id) for name, run in finished.items() if run is not None}
