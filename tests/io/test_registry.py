"""Runs and versions on a real MLflow server."""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import skops.io
from mlflow import MlflowClient

from readmit.core import features
from readmit.core.coverage import Coverage
from readmit.core.curves import curves_of
from readmit.core.encounter import FEATURES
from readmit.core.errors import RegistryUnavailable, VersionUnusable
from readmit.core.fit_key import DataSource, FitKey, Objective, fit_key
from readmit.core.model import CANDIDATES, build, model_input, probabilities
from readmit.core.splitting import FOR_SERVING
from readmit.core.version import MODEL_FILE
from readmit.io.registry.experiment_runs import Evaluation, ExperimentRuns, Fit
from readmit.io.registry.model_versions import Registry
from readmit.settings import Settings


@pytest.fixture
def frame(encounters_by_chance: Callable[[int], dict[str, list[str | int]]]) -> pd.DataFrame:
    return model_input(encounters_by_chance(200))


def key(snapshot: str) -> FitKey:
    return fit_key(CANDIDATES[0], DataSource(snapshot, 1, "code"), Objective("any", 0.5), FOR_SERVING)


def fit(made: FitKey, frame: pd.DataFrame) -> Fit:
    outcomes = [int(number > 5) for number in frame["number_inpatient"]]
    outcomes[::7] = [1 - outcome for outcome in outcomes[::7]]
    model = build(CANDIDATES[0], seed=1).fit(frame, outcomes)
    coverage = Coverage.of({name: frame[name].tolist() for name in FEATURES})
    said = probabilities(model, frame)
    view = Evaluation({"log_loss": 0.25, "base_rate": 0.4}, curves_of(outcomes, said), {"race": 0.02, "age": -0.001})
    rows = {"train": 120, "validation": 80}
    return Fit(made, model, frame.head(5), coverage, "s3://datasets/snapshots/0001-abc.json", rows, view)


def test_a_version_is_found_by_its_fit_and_loads_as_it_was_recorded(
    settings: Settings, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, runs = Registry(settings.mlflow_tracking_uri), ExperimentRuns(settings.mlflow_tracking_uri)
    made = key("a snapshot of this test")
    assert runs.finished(made) is None
    assert registry.version_of(made) is None
    fitted = fit(made, frame)
    run = runs.record(fitted)
    assert runs.finished(made) == run
    assert runs.finished(replace(made, seed=131)) is None
    version = registry.register(run, made)
    assert registry.version_of(made) == registry.version(version.number) == version

    loaded = registry.load(version)
    np.testing.assert_array_equal(probabilities(loaded, frame), probabilities(fitted.model, frame))

    whole = features.derived
    monkeypatch.setattr(features, "derived", lambda encounters: whole(encounters).assign(number_inpatient=0.0))
    with pytest.raises(VersionUnusable, match=f"version {version.number}: it says other than"):
        registry.load(version)


def test_the_page_of_a_run_tells_batch_data_and_code_and_shows_its_curves(
    settings: Settings, frame: pd.DataFrame
) -> None:
    runs, made = ExperimentRuns(settings.mlflow_tracking_uri), key("a third snapshot of this test")
    fitted = fit(made, frame)
    assert fitted.view is not None
    told = runs.record(fitted)
    assert told.figures == fitted.view.figures
    assert runs.curves(told.run_id) == fitted.view.curves
    assert runs.importances(told.run_id) == fitted.view.importances

    client = MlflowClient(settings.mlflow_tracking_uri)
    run = client.get_run(told.run_id)
    assert run.info.run_name == "batch 1 logistic_regression on train+validation"
    note = run.data.tags["mlflow.note.content"]
    assert all(word in note for word in ("batches 1 to 1", "`any`", "train 120, validation 80", "code `code`"))
    assert {name: run.data.tags[name] for name in made.tags} == made.tags
    datasets = {
        item.dataset.name: (item.dataset.digest, {tag.key: tag.value for tag in item.tags}["rows"])
        for item in run.inputs.dataset_inputs
    }
    assert datasets == {"train": (made.snapshot, "120"), "validation": (made.snapshot, "80")}
    pictures = {item.path for item in client.list_artifacts(told.run_id) if item.path.endswith(".png")}
    assert pictures == {"roc.png", "precision_recall.png", "calibration.png", "importances.png"}


def test_a_model_that_skops_does_not_trust_is_unusable(
    settings: Settings, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, made = Registry(settings.mlflow_tracking_uri), key("another snapshot of this test")
    run = ExperimentRuns(settings.mlflow_tracking_uri).record(fit(made, frame))
    version = registry.register(run, made)
    monkeypatch.setattr(import_module("readmit.io.registry.model_versions"), "TRUSTED_TYPES", ())
    with pytest.raises(VersionUnusable, match=f"version {version.number} can't be read: Untrusted"):
        registry.load(version)


def test_a_version_carries_the_hash_of_its_model_file_and_other_bytes_never_reach_skops(
    settings: Settings, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, made = Registry(settings.mlflow_tracking_uri), key("a snapshot whose model is exchanged")
    version = registry.register(ExperimentRuns(settings.mlflow_tracking_uri).record(fit(made, frame)), made)
    registry.load(version)

    def exchanged(*asked: str, **options: str) -> str:
        found = Path(download(*asked, **options))
        if (file := found / MODEL_FILE).exists():
            file.write_bytes(file.read_bytes() + b" ")
        return str(found)

    download = mlflow.artifacts.download_artifacts
    monkeypatch.setattr(mlflow.artifacts, "download_artifacts", exchanged)
    monkeypatch.setattr(skops.io, "loads", lambda *_, **__: pytest.fail("unverified bytes are read"))
    with pytest.raises(VersionUnusable, match=rf"version {version.number}: model.skops has SHA-256 .* as registered"):
        registry.load(version)
    with pytest.raises(VersionUnusable, match=r"made before versions carried a hash of model.skops"):
        registry.load(replace(version, model_file=""))


def test_a_server_that_is_away_is_named() -> None:
    with pytest.raises(RegistryUnavailable, match="MLflow at http://127.0.0.1:9"):
        Registry("http://127.0.0.1:9").production()
