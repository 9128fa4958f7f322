"""Runs and versions on a real MLflow server."""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module

import numpy as np
import pandas as pd
import pytest

from readmit.core import features
from readmit.core.coverage import Coverage
from readmit.core.encounter import FEATURES
from readmit.core.model import CANDIDATES, build, model_input, probabilities
from readmit.core.refusal import RegistryAway, VersionUnusable
from readmit.core.splitting import FOR_SERVING
from readmit.core.training import Aim, DataSource, FitKey, fit_key
from readmit.io.registry import Fit, Registry
from readmit.settings import Settings


@pytest.fixture
def frame(encounters_by_chance: Callable[[int], dict[str, list[str | int]]]) -> pd.DataFrame:
    return model_input(encounters_by_chance(200))


def key(snapshot: str) -> FitKey:
    return fit_key(CANDIDATES[0], DataSource(snapshot, 1, "code"), Aim("any", 0.5), FOR_SERVING)


def fit(made: FitKey, frame: pd.DataFrame) -> Fit:
    outcomes = [int(number > 5) for number in frame["number_inpatient"]]
    outcomes[::7] = [1 - outcome for outcome in outcomes[::7]]
    model = build(CANDIDATES[0], seed=1).fit(frame, outcomes)
    return Fit(
        made, {"log_loss": 0.25}, model, frame.head(5), Coverage.of({name: frame[name].tolist() for name in FEATURES})
    )


def test_a_version_is_found_by_its_fit_and_loads_as_it_was_recorded(
    settings: Settings, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, made = Registry(settings.mlflow_tracking_uri), key("a snapshot of this test")
    assert registry.finished_fit(made) is None
    assert registry.version_of(made) is None
    fitted = fit(made, frame)
    run = registry.record(fitted)
    assert registry.finished_fit(made) == run
    assert run.figures == {"log_loss": 0.25}
    version = registry.register(run, made)
    assert registry.version_of(made) == registry.version(version.number) == version
    assert registry.finished_fit(replace(made, seed=131)) is None

    served = registry.load(version)
    np.testing.assert_array_equal(probabilities(served.pipeline, frame), probabilities(fitted.model, frame))
    assert served.coverage == fitted.coverage

    whole = features.derived
    monkeypatch.setattr(features, "derived", lambda encounters: whole(encounters).assign(number_inpatient=0.0))
    with pytest.raises(VersionUnusable, match=f"version {version.number}: it says other than"):
        registry.load(version)


def test_a_model_that_skops_does_not_trust_is_unusable(
    settings: Settings, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, made = Registry(settings.mlflow_tracking_uri), key("another snapshot of this test")
    version = registry.register(registry.record(fit(made, frame)), made)
    monkeypatch.setattr(import_module("readmit.io.registry"), "TRUSTED_TYPES", ())
    with pytest.raises(VersionUnusable, match=f"version {version.number} can't be read: Untrusted"):
        registry.load(version)


def test_a_server_that_is_away_is_named() -> None:
    with pytest.raises(RegistryAway, match="MLflow at http://127.0.0.1:9"):
        Registry("http://127.0.0.1:9").production()
