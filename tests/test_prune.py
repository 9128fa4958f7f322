"""`readmit prune` finds exactly what nothing in use refers to, removes it on request only, and never during a run."""

import time
from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from readmit.core.coverage import Coverage
from readmit.core.encounter import FEATURES
from readmit.core.errors import LeaseLost, PrerequisiteMissing
from readmit.core.fit_key import DataSource, FitKey, Objective, fit_key
from readmit.core.model import CANDIDATES, fit_candidate, model_input
from readmit.core.snapshot import assemble
from readmit.core.snapshot_part import Part
from readmit.core.splitting import REFIT_SPLITS, SELECTION_SPLITS
from readmit.io.database import leases, ledger
from readmit.io.object_store import Bucket
from readmit.io.registry.compared_models import ComparedModels
from readmit.io.registry.experiment_runs import ExperimentRuns, Fit
from readmit.io.registry.model_versions import Registry
from readmit.prune import find_unused, prune
from readmit.settings import Settings


def unused(settings: Settings) -> set[str]:
    models = ComparedModels(settings.mlflow_tracking_uri)
    return {name for bucket in find_unused(settings, models) for name in bucket.sizes}


def bucket(name: str, settings: Settings) -> Bucket:
    return Bucket(name, *settings.s3_login)


def part(settings: Settings, content: str) -> Part:
    name = bucket("datasets", settings).put_immutable("batch-0001/train-", ".parquet", content.encode())
    return Part(1, "train", 1, content, name)


def snapshot_of(settings: Settings, of: Part) -> tuple[str, str]:
    """Store a snapshot; return the name of its object and its hash."""
    snapshot = assemble(1, [of])
    name = bucket("datasets", settings).put_immutable("snapshots/0001-", ".json", snapshot.to_json())
    return name, snapshot.hash


def test_an_object_of_an_earlier_fetch_or_cleaning_is_unused_and_that_of_the_ledger_is_not(settings: Settings) -> None:
    for name in ("raw", "clean"):
        first, last = (
            bucket(name, settings).put_immutable("batch-0001/", ".parquet", f"prune {name} {text}".encode())
            for text in ("first", "last")
        )
        ledger.update_batch(1, **{f"{name}_object": last})
        found = unused(settings)
        assert first in found
        assert last not in found


def test_the_parts_of_a_snapshot_are_used_while_the_ledger_or_a_version_has_it(
    settings: Settings, random_encounters: Callable[[int], dict[str, list[str | int]]]
) -> None:
    superseded, served, current = (part(settings, f"prune {kind}") for kind in ("superseded", "served", "current"))
    (of_none, _), (of_version, served_hash), (of_ledger, _) = (
        snapshot_of(settings, of) for of in (superseded, served, current)
    )
    ledger.update_batch(1, snapshot_object=of_ledger)
    ledger.replace_parts(1, [current])
    report = "days/0001.json"
    bucket("datasets", settings).put(report, b"{}")
    key = key_of(served_hash, REFIT_SPLITS)
    run = ExperimentRuns(settings.mlflow_tracking_uri).record(fit(key, model_input(random_encounters(100))))
    Registry(settings.mlflow_tracking_uri).register(run, key)

    found = unused(settings)
    assert found >= {superseded.object_name, of_none}
    assert not found & {served.object_name, of_version, current.object_name, of_ledger, report}


def key_of(snapshot: str, rows: tuple[str, ...]) -> FitKey:
    return fit_key(CANDIDATES[0], DataSource(snapshot, 1, "code"), Objective("any", 0.5), rows)


def fit(key: FitKey, frame: pd.DataFrame) -> Fit:
    """A fit with its model, as releases until 0.1 stored that of every candidate."""
    model = fit_candidate(CANDIDATES[0], 1, frame, [row % 2 for row in range(len(frame))], range(len(frame)))
    coverage = Coverage.of({name: frame[name].tolist() for name in FEATURES})
    return Fit(key, model, coverage, "s3://datasets/snapshots/a.json", {"train": 100}, None, b"{}")


def test_models_that_were_only_compared_are_removed_and_those_of_versions_are_not(
    settings: Settings, random_encounters: Callable[[int], dict[str, list[str | int]]]
) -> None:
    runs, frame = ExperimentRuns(settings.mlflow_tracking_uri), model_input(random_encounters(100))
    compared = runs.record(fit(key_of("a compared snapshot", SELECTION_SPLITS), frame))
    key = key_of("a registered snapshot", REFIT_SPLITS)
    registered = runs.record(fit(key, frame))
    not_registered_yet = runs.record(fit(replace(key, snapshot="another"), frame))
    registry = Registry(settings.mlflow_tracking_uri)
    version = registry.register(registered, key)
    client = MlflowClient(settings.mlflow_tracking_uri)
    ids = {run.run_id: client.get_run(run.run_id).outputs for run in (compared, registered, not_registered_yet)}
    models = {run_id: outputs.model_outputs[0].model_id for run_id, outputs in ids.items() if outputs is not None}

    lines = list(prune(delete=False, settings=settings))
    assert lines[-1].startswith("Nothing was removed")
    assert client.get_logged_model(models[compared.run_id]).model_id in "".join(unused(settings))
    removed = list(prune(delete=True, settings=settings))
    assert removed[0] == "Removed:"

    assert not any(models[compared.run_id] in name for name in bucket("mlflow", settings).names())
    with pytest.raises(MlflowException):
        client.get_logged_model(models[compared.run_id])
    assert runs.find_finished(key_of("a compared snapshot", SELECTION_SPLITS)) == compared, "its figures stay"
    assert registry.load(version) is not None
    assert client.get_logged_model(models[not_registered_yet.run_id]).model_id
    assert unused(settings) == set()


def test_nothing_is_removed_while_a_run_works_on_a_batch(settings: Settings) -> None:
    name = bucket("raw", settings).put_immutable("batch-0001/", ".parquet", b"prune while a run works")
    assert leases.acquire(1, "a run", time.time(), 60)
    with pytest.raises(LeaseLost, match="a run works on batch 1"):
        list(prune(delete=True, settings=settings))
    assert bucket("raw", settings).get(name)
    leases.release(1, "a run")
    list(prune(delete=True, settings=settings))
    with pytest.raises(PrerequisiteMissing):
        bucket("raw", settings).get(name)
    assert leases.leased_batches(time.time()) == []
