from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.inspection import permutation_importance
from sklearn.pipeline import Pipeline

from readmit.core.compiler import compile_model
from readmit.core.coverage import Coverage
from readmit.core.encoded_columns import EncodedColumns
from readmit.core.encounter import FEATURES
from readmit.core.importance import REPEATS, importances
from readmit.core.metrics import log_losses
from readmit.core.model import CANDIDATES, fit_candidate, model_input, probabilities, raw_values
from readmit.core.probe_set import parity_check_of
from readmit.core.scorer import Scorer
from readmit.io.lightgbm_native import NativeTrees, load_scorer

NAMES = ("logistic_regression", "lightgbm", "random_forest")


@pytest.fixture(scope="module")
def frame(random_encounters: Callable[[int], dict[str, list[str | int]]]) -> pd.DataFrame:
    columns: dict[str, list[str | int | None]] = {**random_encounters(400)}
    columns["race"][::9] = [None] * len(columns["race"][::9])
    columns["admission_source_id"][::7] = [None] * len(columns["admission_source_id"][::7])
    return model_input(columns)


@pytest.fixture(scope="module")
def labels(frame: pd.DataFrame) -> np.ndarray:
    chance = np.random.default_rng(2).random(len(frame))
    return (chance < 0.05 + frame["number_inpatient"].to_numpy() / 14).astype(np.float64)


def fitted(name: str, frame: pd.DataFrame, labels: np.ndarray) -> tuple[Pipeline, Scorer]:
    candidate = next(candidate for candidate in CANDIDATES if candidate.name == name)
    reduced = {setting: 12 for setting in ("n_estimators",) if setting in candidate.settings}
    quick = replace(candidate, settings={**candidate.settings, **reduced})
    model = fit_candidate(quick, 3, frame, labels.astype(int).tolist(), range(len(frame)))
    coverage = Coverage.of({field: frame[field].tolist() for field in FEATURES})
    return model, load_scorer(compile_model(model, frame, coverage, parity_check_of(model, coverage)).to_json())


@pytest.mark.parametrize("name", NAMES)
def test_importances_are_those_of_the_fitted_model_by_scikit_learn(
    name: str, frame: pd.DataFrame, labels: np.ndarray
) -> None:
    model, scorer = fitted(name, frame, labels)
    expected = permutation_importance(
        model,
        frame,
        labels,
        scoring=lambda estimator, rows, outcomes: -log_losses(outcomes, probabilities(estimator, rows)).mean(),
        n_repeats=REPEATS,
        random_state=7,
    )
    increases = importances(scorer, NativeTrees, frame, labels, seed=7)
    errors = expected.importances.std(axis=1, ddof=1) / np.sqrt(REPEATS)
    for field, mean, error in zip(FEATURES, expected.importances_mean, errors, strict=True):
        assert increases[field].increase == pytest.approx(mean, abs=1e-9), field
        assert increases[field].standard_error == pytest.approx(error, abs=1e-9), field
    assert next(iter(increases)) == "number_inpatient"
    assert list(increases.values()) == sorted(increases.values(), key=lambda item: -item.increase)
    assert increases == importances(scorer, NativeTrees, frame, labels, seed=7)


@pytest.mark.parametrize("name", NAMES)
def test_encoded_columns_give_the_probabilities_of_the_model_also_where_a_field_is_permuted(
    name: str, frame: pd.DataFrame, labels: np.ndarray
) -> None:
    model, scorer = fitted(name, frame, labels)
    columns = EncodedColumns(scorer, raw_values(frame))
    np.testing.assert_allclose(columns.probabilities(columns.matrix), probabilities(model, frame), atol=1e-12)
    source = np.random.default_rng(4).permutation(len(frame))
    for field in ("race", "discharge_disposition_id", "diag_1", "number_inpatient"):
        permuted = frame.assign(**{field: pd.Series(frame[field].to_numpy()[source], dtype=frame[field].dtype)})
        rows, matrix = columns.permuted(field, source)
        assert 0 < len(rows) < len(frame)
        np.testing.assert_allclose(
            columns.probabilities(matrix), probabilities(model, permuted.iloc[rows]), atol=1e-12, err_msg=field
        )
