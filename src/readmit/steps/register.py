"""Refit the candidate with the least log loss on validation, on train and validation, and register it as a version.

A version carries its compiled model, which is the one that is served, and both are checked to predict alike.
"""

from collections.abc import Mapping, Sequence

from sklearn.pipeline import Pipeline

from readmit.core.compiled_model import COMPILED_TOLERANCE
from readmit.core.compiler import compile_model
from readmit.core.dataset import dataset
from readmit.core.encounter import FEATURES
from readmit.core.errors import PrerequisiteMissing
from readmit.core.feature_spec import Value
from readmit.core.fit_key import DataSource, FitKey, Objective, fit_key
from readmit.core.model import CANDIDATES, Candidate, fit_candidate, model_input, probabilities
from readmit.core.parity_check import ParityCheck
from readmit.core.probe_set import parity_check_of
from readmit.core.snapshot import Snapshot
from readmit.core.splitting import REFIT_SPLITS, SELECTION_SPLITS, Split
from readmit.io.code_revision import code_revision
from readmit.io.database import ledger, promotions
from readmit.io.lightgbm_native import load_scorer
from readmit.io.object_store import Bucket
from readmit.io.registry.experiment_runs import ExperimentRuns, Fit
from readmit.io.registry.model_versions import Registry
from readmit.pipeline import Facts
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
    keys = [fit_key(candidate, source, objective, SELECTION_SPLITS) for candidate in CANDIDATES]
    losses = _validation_losses(runs, keys)
    winner = min(CANDIDATES, key=lambda candidate: losses[candidate.name])
    key = fit_key(winner, source, objective, REFIT_SPLITS)
    version = registry.find_version(key)
    if version is None:
        run = runs.find_finished(key) or runs.record(_refit(winner, key, bucket, name, snapshot))
        version = registry.register(run, key)
    if promotions.get_verdict(version.number) is None:
        registry.set_challenger(version.number)
    ledger.update_batch(batch, version=int(version.number))
    return {
        "version": version.number,
        "candidate": winner.name,
        "log_loss": losses[winner.name],
        "run": version.run_id,
    }


def _validation_losses(runs: ExperimentRuns, keys: list[FitKey]) -> dict[str, float]:
    finished = {key.candidate: runs.find_finished(key) for key in keys}
    losses = {name: run.figures["log_loss"] for name, run in finished.items() if run is not None}
    if missing := sorted(set(finished) - set(losses)):
        raise PrerequisiteMissing(f"not trained on this snapshot yet: {', '.join(missing)}; run train first")
    return losses


def _refit(winner: Candidate, key: FitKey, bucket: Bucket, name: str, snapshot: Snapshot) -> Fit:
    """Return a fit without an evaluation: its own training data can't measure it, and test is for `promote`."""
    data = dataset(bucket.read_parquet(part.object_name for part in snapshot.of(*key.rows)), key.target)
    test = (
        bucket.read_parquet(part.object_name for part in snapshot.of(Split.TEST))
        .select(FEATURES)
        .to_dict(as_series=False)
    )
    model = fit_candidate(winner, key.seed, data.encounters, data.labels)
    compiled = compile_model(model, data.encounters, data.coverage, parity_check_of(model, data.coverage)).to_json()
    _check_parity(model, compiled, test)
    rows = {split: snapshot.rows(split) for split in key.rows}
    address = bucket.address(name)
    return Fit(key, model, data.encounters.head(5), data.coverage, address, rows, evaluation=None, scorer=compiled)


def _check_parity(model: Pipeline, compiled: bytes, test: Mapping[str, Sequence[Value]]) -> None:
    """Check that the compiled model, loaded as the API loads it, predicts the same as the fitted one.

    Compares them on every test encounter, and on the synthetic ones of the parity check that the compiled model
    carries. Raises VersionUnusable when they differ.
    """
    scorer = load_scorer(compiled)
    scorer.verify()
    ParityCheck(test, tuple(probabilities(model, model_input(test)).tolist())).verify(
        scorer.probabilities(test), COMPILED_TOLERANCE
    )
