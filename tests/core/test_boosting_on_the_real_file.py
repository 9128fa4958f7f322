"""What is registered of the boosting candidates, on the real file: refitted on train and validation, used on test."""

import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
import pytest
from sklearn.pipeline import Pipeline

from readmit.core.absence import with_absences
from readmit.core.compiler import compile_model
from readmit.core.coverage import Coverage
from readmit.core.encounter import BY_NAME, FEATURES, OUTCOME, PATIENT, labels
from readmit.core.model import CANDIDATES, fit_candidate, model_input, probabilities, raw_values
from readmit.core.probe_set import parity_check_of
from readmit.core.splitting import SPLIT, Split
from readmit.io.lightgbm_native import load_scorer

THRESHOLD = 1 / 7
BAGS = [candidate.name for candidate in CANDIDATES if candidate.is_bag]
OPTIONAL = [name for name in FEATURES if not BY_NAME[name].required and BY_NAME[name].if_absent is None]


def frame_of(rows: pl.DataFrame) -> pd.DataFrame:
    return model_input(rows.select(FEATURES).to_dict(as_series=False))


@pytest.fixture(scope="module")
def known(real: pl.DataFrame) -> pl.DataFrame:
    return real.filter(pl.col(SPLIT) != Split.TEST)


@pytest.fixture(scope="module")
def test(real: pl.DataFrame) -> pl.DataFrame:
    return real.filter(pl.col(SPLIT) == Split.TEST)


@pytest.fixture(scope="module", params=BAGS)
def models(request: pytest.FixtureRequest, known: pl.DataFrame) -> list[Pipeline]:
    """One candidate, fitted with two seeds."""
    candidate = next(candidate for candidate in CANDIDATES if candidate.name == request.param)
    outcomes, patients = labels(known[OUTCOME], "within_30_days"), known[PATIENT].to_numpy()
    return [fit_candidate(candidate, seed, frame_of(known), outcomes, patients) for seed in (130, 131)]


def observed_expected(test: pl.DataFrame, predicted: npt.NDArray[np.float64]) -> float:
    return float(sum(labels(test[OUTCOME], "within_30_days")) / predicted.sum())


def test_another_seed_changes_at_most_one_flag_in_forty(models: list[Pipeline], test: pl.DataFrame) -> None:
    flags = [probabilities(model, frame_of(test)) >= THRESHOLD for model in models]
    assert np.mean(flags[0] != flags[1]) <= 0.025


def test_predictions_stay_calibrated_when_any_optional_field_is_missing(
    models: list[Pipeline], test: pl.DataFrame
) -> None:
    ratios = {
        name: observed_expected(test, probabilities(models[0], frame_of(test.with_columns(pl.lit(None).alias(name)))))
        for name in OPTIONAL
    }
    assert {name: ratio for name, ratio in ratios.items() if not 0.9 <= ratio <= 1.1} == {}


def test_at_most_one_encounter_in_ten_has_a_warning(
    models: list[Pipeline], known: pl.DataFrame, test: pl.DataFrame
) -> None:
    encounters, model = frame_of(known), models[0]
    coverage = Coverage.of({name: encounters[name].tolist() for name in FEATURES})
    scorer = load_scorer(compile_model(model, encounters, coverage, parity_check_of(model, coverage)).to_json())
    final, values = with_absences(coverage, scorer, encounters), raw_values(frame_of(test))
    warned = [bool(final.warnings({name: values[name][row] for name in FEATURES})) for row in range(test.height)]
    assert 0.02 <= np.mean(warned) <= 0.1
    assert final.fields["diag_1"].absence_matters
    assert not final.fields["medical_specialty"].absence_matters
