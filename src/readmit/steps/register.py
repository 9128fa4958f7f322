"""The candidate with the least log loss on validation, refitted on train and validation, as a new version.

With it goes its compiled model, which is what is served; so no version comes to be whose two models say other things.
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
from readmit.core.model import CANDIDATES, Candidate, fitted, model_input, probabilities
from readmit.core.parity_check import ParityCheck
from readmit.core.probe_set import parity_check_of
from readmit.core.snapshot import Snapshot
from readmit.core.splitting import FOR_CHOOSING, FOR_SERVING, Split
from readmit.io.code_revision import code_revision
from readmit.io.database import ledger, promotions
from readmit.io.lightgbm_native import scorer_of
from readmit.io.object_store import Bucket
from readmit.io.registry.experiment_runs import ExperimentRuns, Fit
from readmit.io.registry.model_versions import Registry
from readmit.pipeline import Facts
from readmit.settings import Settings


def run(batch: int, settings: Settings) -> Facts:
    """A version that was made by the same fit before is reused."""
    bucket = Bucket("datasets", *settings.s3_login)
    registry, runs = Registry(settings.mlflow_tracking_uri), ExperimentRuns(settings.mlflow_tracking_uri)
    name = ledger.require_output(ledger.batch_row(batch), "snapshot_object")
    snapshot = Snapshot.from_json(bucket.get_verified(name))
    aim, source = (
        Objective(settings.target, settings.threshold),
        DataSource(snapshot.hash, snapshot.batch, code_revision()),
    )
    losses = _validation_losses(runs, [fit_key(each, source, aim, FOR_CHOOSING) for each in CANDIDATES])
    winner = min(CANDIDATES, key=lambda candidate: losses[candidate.name])
    key = fit_key(winner, source, aim, FOR_SERVING)
    version = registry.version_of(key)
    if version is None:
        made = runs.finished(key) or runs.record(_refit(winner, key, bucket, name, snapshot))
        version = registry.register(made, key)
    if promotions.verdict_on(version.number) is None:
        registry.name_challenger(version.number)
    ledger.update_batch(batch, version=int(version.number))
    return {
        "version": version.number,
        "candidate": winner.name,
        "log_loss": losses[winner.name],
        "run": version.run_id,
    }


def _validation_losses(runs: ExperimentRuns, keys: list[FitKey]) -> dict[str, float]:
    found = {key.candidate: runs.finished(key) for key in keys}
    losses = {name: made.figures["log_loss"] for name, made in found.items() if made is not None}
    if missing := sorted(set(found) - set(losses)):
        raise PrerequisiteMissing(
            f"not trained on this snapshot yet: {', '.join(missing)}; train comes before register"
        )
    return losses


def _refit(winner: Candidate, key: FitKey, bucket: Bucket, name: str, snapshot: Snapshot) -> Fit:
    """No view: what it was fitted on can't measure it, and test is for `promote`."""
    data = dataset(bucket.read_parquet(part.object_name for part in snapshot.of(*key.rows)), key.target)
    test = (
        bucket.read_parquet(part.object_name for part in snapshot.of(Split.TEST))
        .select(FEATURES)
        .to_dict(as_series=False)
    )
    model = fitted(winner, key.seed, data.encounters, data.labels)
    made = compile_model(model, data.encounters, data.coverage, parity_check_of(model, data.coverage)).to_json()
    _refuse_unless_alike(model, made, test)
    rows = {split: snapshot.rows(split) for split in key.rows}
    address = bucket.address(name)
    return Fit(key, model, data.encounters.head(5), data.coverage, address, rows, view=None, scorer=made)


def _refuse_unless_alike(model: Pipeline, made: bytes, test: Mapping[str, Sequence[Value]]) -> None:
    """VersionUnusable: the compiled model, as who serves it will read it, says other than the fitted one.

    Asked of every encounter of test, and of the made-up ones that it carries as its proof.
    """
    scorer = scorer_of(made)
    scorer.verify()
    ParityCheck(test, tuple(probabilities(model, model_input(test)).tolist())).verify(
        scorer.answers(test), COMPILED_TOLERANCE
    )
