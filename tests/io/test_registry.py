"""Runs and versions on a real MLflow server."""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
import skops.io
from mlflow import MlflowClient
from mlflow.entities import LoggedModelStatus
from mlflow.exceptions import MlflowException
from sklearn.pipeline import Pipeline

from readmit.core import features
from readmit.core.candidate_selection import PatientLosses
from readmit.core.coverage import Coverage
from readmit.core.curves import curves_of
from readmit.core.encounter import FEATURES
from readmit.core.errors import RegistryUnavailable, VersionUnusable
from readmit.core.fit_key import DataSource, FitKey, Objective, fit_key
from readmit.core.model import CANDIDATES, fit_candidate, model_input, probabilities
from readmit.core.reference_model import ReferenceModel
from readmit.core.splitting import REFIT_SPLITS
from readmit.core.version import MODEL_FILE
from readmit.io.registry.experiment_runs import EXPERIMENT, Evaluation, ExperimentRuns, Fit
from readmit.io.registry.model_versions import Registry
from readmit.settings import Settings

RUN_FILES, MODEL_FILES = 7, 7
"""Files of an evaluated run and of its model; MLflow takes a request for each."""
MAX_BYTES_WITHOUT_MODEL = 500_000
MAX_REQUESTS_BESIDES_UPLOADS = 15
"""Find, create and tag the experiment: 5; find killed runs: 1; create the run, locate its files, log its inputs, its
values and its output, end it: 6; create the model, locate its files, end it: 3. None of them for a single figure."""


@pytest.fixture
def frame(random_encounters: Callable[[int], dict[str, list[str | int]]]) -> pd.DataFrame:
    return model_input(random_encounters(200))


def key(snapshot: str) -> FitKey:
    return fit_key(CANDIDATES[0], DataSource(snapshot, 1, "code"), Objective("any", 0.5), REFIT_SPLITS)


def fit(key: FitKey, frame: pd.DataFrame) -> Fit:
    outcomes = [int(number > 5) for number in frame["number_inpatient"]]
    outcomes[::7] = [1 - outcome for outcome in outcomes[::7]]
    model = fit_candidate(CANDIDATES[0], 1, frame, outcomes, range(len(frame)))
    coverage = Coverage.of({name: frame[name].tolist() for name in FEATURES})
    curves = curves_of(outcomes, probabilities(model, frame))
    losses = PatientLosses.of(outcomes, probabilities(model, frame), np.arange(len(frame)))
    evaluation = Evaluation({"log_loss": 0.25, "base_rate": 0.4}, curves, losses)
    rows = {"train": 120, "validation": 80}
    return Fit(key, model, coverage, "s3://datasets/snapshots/0001-abc.json", rows, evaluation)


def test_a_version_keeps_the_reference_model_of_its_fit_and_older_ones_have_none(
    settings: Settings, frame: pd.DataFrame
) -> None:
    registry, runs = Registry(settings.mlflow_tracking_uri), ExperimentRuns(settings.mlflow_tracking_uri)
    reference = ReferenceModel(-2.25, (0.4, 0.1, 0.0, -0.02, 0.3))
    for number, stored in enumerate((None, reference)):
        run_key = key(f"snapshot {number} with or without a reference")
        version = registry.register(runs.record(replace(fit(run_key, frame), reference=stored)), run_key)
        assert registry.reference(version) == stored


def model_of(fit: Fit) -> Pipeline:
    assert fit.model is not None
    return fit.model


def test_a_version_is_found_by_its_fit_and_loads_as_it_was_recorded(
    settings: Settings, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, runs = Registry(settings.mlflow_tracking_uri), ExperimentRuns(settings.mlflow_tracking_uri)
    run_key = key("a snapshot of this test")
    assert runs.find_finished(run_key) is None
    assert registry.find_version(run_key) is None
    fitted = fit(run_key, frame)
    run = runs.record(fitted)
    assert runs.find_finished(run_key) == run
    assert runs.find_finished(replace(run_key, seed=131)) is None
    version = registry.register(run, run_key)
    assert registry.find_version(run_key) == registry.version(version.number) == version

    loaded = registry.load(version)
    np.testing.assert_array_equal(probabilities(loaded, frame), probabilities(model_of(fitted), frame))

    derived = features.derived
    monkeypatch.setattr(features, "derived", lambda encounters: derived(encounters).assign(number_inpatient=0.0))
    with pytest.raises(VersionUnusable, match=f"version {version.number}: predictions differ from"):
        registry.load(version)


def test_the_page_of_a_run_describes_batch_data_and_code_and_shows_its_curves(
    settings: Settings, frame: pd.DataFrame
) -> None:
    runs, run_key = ExperimentRuns(settings.mlflow_tracking_uri), key("a third snapshot of this test")
    fitted = fit(run_key, frame)
    assert fitted.evaluation is not None
    recorded = runs.record(fitted)
    assert recorded.figures == fitted.evaluation.figures
    assert runs.curves(recorded.run_id) == fitted.evaluation.curves
    assert runs.losses(recorded.run_id).to_json() == fitted.evaluation.losses.to_json()

    client = MlflowClient(settings.mlflow_tracking_uri)
    run = client.get_run(recorded.run_id)
    assert run.info.run_name == "batch 1 logistic_regression on train+validation"
    assert client.get_experiment(run.info.experiment_id).tags["mlflow.experimentKind"] == "custom_model_development"
    note = run.data.tags["mlflow.note.content"]
    assert all(text in note for text in ("batches 1 to 1", "`any`", "train 120, validation 80", "code `code`"))
    assert {name: run.data.tags[name] for name in run_key.tags} == run_key.tags
    datasets = {
        item.dataset.name: (item.dataset.digest, {tag.key: tag.value for tag in item.tags}["rows"])
        for item in run.inputs.dataset_inputs
    }
    assert datasets == {"train": (run_key.snapshot, "120"), "validation": (run_key.snapshot, "80")}
    assert run.outputs is not None
    model = client.get_logged_model(run.outputs.model_outputs[0].model_id)
    assert model.params == run.data.params == {name: str(value) for name, value in run_key.settings.items()}
    assert {metric.key: metric.value for metric in model.metrics or []} == run.data.metrics == recorded.figures
    pictures = {item.path for item in client.list_artifacts(recorded.run_id) if item.path.endswith(".png")}
    assert pictures == {"roc.png", "precision_recall.png", "calibration.png"}


def test_the_model_of_a_candidate_that_is_only_compared_is_not_stored(settings: Settings, frame: pd.DataFrame) -> None:
    runs, run_key = ExperimentRuns(settings.mlflow_tracking_uri), key("a snapshot of compared candidates")
    fitted = replace(fit(run_key, frame), model=None)
    assert fitted.evaluation is not None
    recorded = runs.record(fitted)
    assert runs.find_finished(run_key) == recorded
    assert (recorded.figures, recorded.model_file) == (fitted.evaluation.figures, "")
    assert runs.curves(recorded.run_id) == fitted.evaluation.curves
    client = MlflowClient(settings.mlflow_tracking_uri)
    run = client.get_run(recorded.run_id)
    assert run.outputs is None or not run.outputs.model_outputs
    files = client.list_artifacts(recorded.run_id)
    assert {item.path for item in files} >= {"curves.json", "patient_losses.json", "roc.png"}
    assert sum(item.file_size for item in files) < MAX_BYTES_WITHOUT_MODEL


def test_the_figures_of_a_fit_take_no_request_each(
    settings: Settings, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted, sent, send = fit(key("a snapshot with many figures"), frame), [], requests.Session.send
    assert fitted.evaluation is not None
    figures = {**fitted.evaluation.figures, **{f"figure_{number}": 0.5 for number in range(50)}}
    fitted = replace(fitted, evaluation=replace(fitted.evaluation, figures=figures))

    def counted(self: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        sent.append(request)
        return send(self, request, **options)

    monkeypatch.setattr(requests.Session, "send", counted)
    ExperimentRuns(settings.mlflow_tracking_uri).record(fitted)
    uploads = [request for request in sent if request.method == "PUT"]
    assert len(uploads) == RUN_FILES + MODEL_FILES
    assert len(sent) - len(uploads) <= MAX_REQUESTS_BESIDES_UPLOADS


def test_a_run_whose_model_is_not_stored_has_failed(
    settings: Settings, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, run_key = ExperimentRuns(settings.mlflow_tracking_uri), key("a snapshot whose model is not stored")

    def fail(*_: object) -> None:
        raise MlflowException("the disk is full")

    monkeypatch.setattr(MlflowClient, "log_model_artifacts", fail)
    with pytest.raises(RegistryUnavailable, match="the disk is full"):
        runs.record(fit(run_key, frame))
    assert runs.find_finished(run_key) is None
    client = MlflowClient(settings.mlflow_tracking_uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    (failed,) = client.search_runs([experiment.experiment_id], f"tags.fit = '{run_key.digest}'")
    assert failed.info.status == "FAILED"
    assert failed.outputs is not None
    assert client.get_logged_model(failed.outputs.model_outputs[0].model_id).status == LoggedModelStatus.FAILED


def test_a_model_that_skops_does_not_trust_is_unusable(
    settings: Settings, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, run_key = Registry(settings.mlflow_tracking_uri), key("another snapshot of this test")
    run = ExperimentRuns(settings.mlflow_tracking_uri).record(fit(run_key, frame))
    version = registry.register(run, run_key)
    monkeypatch.setattr(import_module("readmit.io.registry.model_versions"), "TRUSTED_TYPES", ())
    with pytest.raises(VersionUnusable, match=f"version {version.number} can't be loaded: Untrusted"):
        registry.load(version)


def test_a_version_has_the_hash_of_its_model_file_and_other_bytes_never_reach_skops(
    settings: Settings, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, run_key = Registry(settings.mlflow_tracking_uri), key("a snapshot whose model is replaced")
    version = registry.register(ExperimentRuns(settings.mlflow_tracking_uri).record(fit(run_key, frame)), run_key)
    registry.load(version)

    def replaced(*args: str, **options: str) -> str:
        folder = Path(download(*args, **options))
        if (file := folder / MODEL_FILE).exists():
            file.write_bytes(file.read_bytes() + b" ")
        return str(folder)

    download = mlflow.artifacts.download_artifacts
    monkeypatch.setattr(mlflow.artifacts, "download_artifacts", replaced)
    monkeypatch.setattr(skops.io, "loads", lambda *_, **__: pytest.fail("unverified bytes are read"))
    with pytest.raises(VersionUnusable, match=rf"version {version.number}: model.skops has SHA-256 .* as registered"):
        registry.load(version)
    with pytest.raises(VersionUnusable, match=r"has no hash of model.skops"):
        registry.load(replace(version, model_file=""))


def test_an_unavailable_server_is_named() -> None:
    with pytest.raises(RegistryUnavailable, match="MLflow at http://127.0.0.1:9"):
        Registry("http://127.0.0.1:9").production()
