import random
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
import pytest
import sklearn
import skops.io
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import Pipeline

from readmit.core.cleaning import clean, to_text_columns
from readmit.core.encounter import BY_NAME, FEATURES, OUTCOME, PATIENT, labels
from readmit.core.feature_spec import MODEL_COLUMNS
from readmit.core.features import derived
from readmit.core.model import (
    CANDIDATES,
    TRUSTED_TYPES,
    Candidate,
    build_pipeline,
    fit_candidate,
    model_input,
    probabilities,
    raw_values,
    single_seeded,
)
from readmit.core.splitting import SPLIT, Split, with_split

ROWS = 300
CODES = {"payer_code": ("MC", "HM"), "medical_specialty": ("InternalMedicine", "Cardiology", "Surgery-General")}
ICD9_CODES = ("428", "250.83", "V57", "585.6", "E885", "8")

Columns = dict[str, list[str | int | None]]


def encounters(rows: int = ROWS, seed: int = 3) -> Columns:
    """Random encounters, with missing values in every field that is not required."""
    rng = random.Random(seed)
    columns: Columns = {}
    for name in FEATURES:
        field = BY_NAME[name]
        values: tuple[str | int, ...] = field.choices or CODES.get(name, ICD9_CODES)
        if field.whole_number:
            values = tuple(int(choice) for choice in field.choices) or tuple(range(field.low, 15))
        columns[name] = [None if not field.required and rng.random() < 0.1 else rng.choice(values) for _ in range(rows)]
    return columns


def outcomes(columns: Columns, seed: int = 5) -> list[int]:
    """Outcomes with more readmissions the more stays in the year before."""
    rng = random.Random(seed)
    return [int(rng.random() < int(stays or 0) / 16) for stays in columns["number_inpatient"]]


def reduced(candidate: Candidate) -> Candidate:
    quick = {"n_estimators": 30, "max_iter": 30, "min_child_samples": 10, "min_samples_leaf": 10}
    known = {name: value for name, value in quick.items() if name in candidate.settings}
    return replace(candidate, settings={**candidate.settings, **known})


def fit_reduced(candidate: Candidate) -> Pipeline:
    columns = encounters()
    return fit_candidate(candidate, 1, model_input(columns), outcomes(columns), range(ROWS))


@pytest.fixture(params=[reduced(candidate) for candidate in CANDIDATES], ids=lambda candidate: candidate.name)
def candidate(request: pytest.FixtureRequest) -> Candidate:
    candidate: Candidate = request.param
    return candidate


@pytest.fixture
def fitted(candidate: Candidate) -> Pipeline:
    return fit_reduced(candidate)


def test_a_model_input_has_the_features_in_order_and_the_same_dtypes_even_with_missing_values() -> None:
    columns = encounters(rows=3)
    empty: Columns = {name: [None, None] for name in FEATURES}
    for frame in (
        model_input(dict(reversed(columns.items()))),
        model_input(empty),
        model_input({**empty, OUTCOME: []}),
    ):
        assert tuple(frame) == FEATURES
        assert all(frame[name].dtype == (float if BY_NAME[name].whole_number else object) for name in FEATURES)
    assert model_input({**columns, "race": [float("nan"), "Asian", None]})["race"].tolist() == [None, "Asian", None]
    with pytest.raises(KeyError, match="race"):
        model_input({name: values for name, values in columns.items() if name != "race"})


def test_more_stays_in_the_year_before_raise_the_predicted_risk(fitted: Pipeline) -> None:
    row = {name: values * 2 for name, values in encounters(rows=1).items()}
    low, high = probabilities(fitted, model_input({**row, "number_inpatient": [0, 14]}))
    assert high > low + 0.1


def test_unseen_and_missing_values_get_a_probability(fitted: Pipeline) -> None:
    columns = encounters(rows=3)
    columns["diag_1"] = ["999.9", "V99", "no code"]
    columns |= {"medical_specialty": ["Sports", None, "x"], "age": ["[90-100)", "young", None]}
    columns |= {"num_medications": [999, None, 0], "discharge_disposition_id": [30, None, 0]}
    nothing: Columns = {name: [None] * 2 for name in FEATURES}
    for frame in (model_input(columns), model_input(nothing)):
        predicted = probabilities(fitted, frame)
        assert predicted.shape == (len(frame),)
        assert ((predicted > 0) & (predicted < 1)).all()


def test_equal_rows_and_seed_give_the_same_model(candidate: Candidate, fitted: Pipeline) -> None:
    others = model_input(encounters(seed=4))
    np.testing.assert_array_equal(probabilities(fit_reduced(candidate), others), probabilities(fitted, others))


def test_a_prediction_does_not_depend_on_the_other_rows(fitted: Pipeline) -> None:
    frame = model_input(encounters(rows=20, seed=4))
    together = probabilities(fitted, frame)
    alone = [probabilities(fitted, frame.iloc[[row]])[0] for row in range(20)]
    np.testing.assert_allclose(alone, together, rtol=1e-12)
    np.testing.assert_allclose(probabilities(fitted, frame.iloc[::-1]), together[::-1], rtol=1e-12)


def test_no_training_row_is_encoded_by_its_own_outcome() -> None:
    candidate = next(candidate for candidate in CANDIDATES if candidate.name == "lightgbm")
    columns = encounters()
    columns["diag_1"] = [f"{row + 1}" for row in range(ROWS)]
    generated = outcomes(columns)
    flipped = [1 - generated[0], *generated[1:]]
    encoded = []
    for known in (generated, flipped):
        with sklearn.config_context(enable_metadata_routing=True):
            (member,) = build_pipeline(single_seeded(candidate), seed=1)[-1].members
            encoded.append(member[:-1].fit_transform(derived(model_input(columns)), known, groups=range(ROWS)))
    # A category of too few rows has the overall rate, whatever its outcomes.
    rare = [np.isclose(rates[0], np.mean(known)) for rates, known in zip(encoded, (generated, flipped), strict=True)]
    np.testing.assert_array_equal(rare[0], rare[1])
    np.testing.assert_array_equal(encoded[0][0][~rare[0]], encoded[1][0][~rare[0]])
    diagnosis = MODEL_COLUMNS.index("diag_1")
    assert rare[0][diagnosis]
    assert len(set(encoded[0][:, diagnosis])) == 1
    assert (encoded[0][1:] != encoded[1][1:]).any()


def test_a_saved_model_predicts_the_same_and_needs_no_other_trust(fitted: Pipeline) -> None:
    saved, others = skops.io.dumps(fitted), model_input(encounters(seed=4))
    assert set(skops.io.get_untrusted_types(data=saved)) <= set(TRUSTED_TYPES)
    loaded = skops.io.loads(saved, trusted=list(TRUSTED_TYPES))
    np.testing.assert_array_equal(probabilities(loaded, others), probabilities(fitted, others))


def test_no_type_is_trusted_that_no_candidate_needs() -> None:
    saved = [skops.io.dumps(fit_reduced(reduced(candidate))) for candidate in CANDIDATES]
    needed = {name for model in saved for name in skops.io.get_untrusted_types(data=model)}
    assert needed == set(TRUSTED_TYPES)


@pytest.mark.parametrize("change", [lambda values: values[:1] * ROWS, lambda _: [None] * ROWS], ids=["one", "no"])
def test_constant_and_empty_columns_can_be_fitted(
    candidate: Candidate, change: Callable[[list[str | int | None]], list[str | int | None]]
) -> None:
    columns = encounters()
    generated = outcomes(columns)
    constant = {name: values if name == "number_inpatient" else change(values) for name, values in columns.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = fit_candidate(candidate, 1, model_input(constant), generated, range(ROWS))
        assert np.isfinite(probabilities(model, model_input(columns))).all()


def expected_calibration_error(observed: npt.NDArray[np.int64], predicted: npt.NDArray[np.float64]) -> float:
    bins = np.array_split(np.argsort(predicted, kind="stable"), 20)
    return float(sum(abs(observed[rows].sum() - predicted[rows].sum()) for rows in bins) / len(predicted))


def evaluate(real: pl.DataFrame, name: str, target: str) -> dict[str, float]:
    """Metrics on test of a candidate refitted on train and validation."""
    test = real.filter(pl.col(SPLIT) == Split.TEST)
    rest = real.filter(pl.col(SPLIT) != Split.TEST)
    assert not set(test[PATIENT]) & set(rest[PATIENT])
    frames: list[pd.DataFrame] = [model_input(rows.select(FEATURES).to_dict(as_series=False)) for rows in (rest, test)]
    candidate = next(candidate for candidate in CANDIDATES if candidate.name == name)
    model = fit_candidate(candidate, 130, frames[0], labels(rest[OUTCOME], target), rest[PATIENT].to_numpy())
    observed, predicted = np.array(labels(test[OUTCOME], target)), probabilities(model, frames[1])
    return {
        "roc_auc": float(roc_auc_score(observed, predicted)),
        "skill": 1 - log_loss(observed, predicted) / log_loss(observed, np.full(len(predicted), observed.mean())),
        "ece": expected_calibration_error(observed, predicted),
        "observed_expected": float(observed.sum() / predicted.sum()),
        "flagged": float((predicted >= 1 / 7).mean()),
    }


def test_the_models_reach_their_thresholds_on_the_test_split(real: pl.DataFrame) -> None:
    best = evaluate(real, "lightgbm", "within_30_days")
    assert 0.685 <= best["roc_auc"] < 0.72
    assert best["skill"] >= 0.062
    assert best["ece"] <= 0.015
    assert 0.95 <= best["observed_expected"] <= 1.05
    assert 0.1 < best["flagged"] < 0.3
    assert evaluate(real, "logistic_regression", "within_30_days")["roc_auc"] >= 0.670
    assert evaluate(real, "random_forest", "within_30_days")["roc_auc"] >= 0.675
    assert evaluate(real, "hist_gradient_boosting", "within_30_days")["roc_auc"] >= 0.685
    assert evaluate(real, "pairwise_boosting", "within_30_days")["roc_auc"] >= 0.680
    assert evaluate(real, "lightgbm", "any")["roc_auc"] >= 0.690


def test_nothing_is_learned_from_permuted_labels(sample: Path) -> None:
    rows = with_split(clean(to_text_columns(pl.read_csv(sample, infer_schema=False)), ()).clean)
    known, unseen = (rows.filter((pl.col(SPLIT) == Split.TRAIN) == train) for train in (True, False))
    frames = [model_input(part.select(FEATURES).to_dict(as_series=False)) for part in (known, unseen)]
    candidate = single_seeded(next(candidate for candidate in CANDIDATES if candidate.name == "lightgbm"))
    patients = known[PATIENT].to_numpy()
    outcomes, observed = (labels(part[OUTCOME], "any") for part in (known, unseen))
    aucs = []
    for seed in range(5):
        permuted = np.random.default_rng(seed).permutation(outcomes)
        predicted = probabilities(fit_candidate(candidate, seed, frames[0], permuted, patients), frames[1])
        aucs.append(float(roc_auc_score(observed, predicted)))
    assert np.mean(aucs) == pytest.approx(0.5, abs=0.02)
    unpermuted = probabilities(fit_candidate(candidate, 0, frames[0], outcomes, patients), frames[1])
    assert roc_auc_score(observed, unpermuted) > 0.55, "unpermuted labels can be learned"


def test_raw_values_inverts_model_input() -> None:
    columns = encounters()
    assert any(value is None for values in columns.values() for value in values)
    assert raw_values(model_input(columns)) == columns
