import io
import os
import random
import time
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
import pytest
import skops.io
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import Pipeline

from readmit.core.cleaning import POSITION, clean
from readmit.core.encounter import BY_NAME, ENCOUNTER, FEATURES, OUTCOME, PATIENT, labels, python_name
from readmit.core.model import CANDIDATES, TRUSTED_TYPES, Candidate, build, model_input, probabilities, raw_values
from readmit.core.splitting import SPLIT, Split, with_split

ROWS = 300
CODES = {"payer_code": ("MC", "HM"), "medical_specialty": ("InternalMedicine", "Cardiology", "Surgery-General")}
ICD9_CODES = ("428", "250.83", "V57", "585.6", "E885", "8")

Columns = dict[str, list[str | int | None]]


def encounters(rows: int = ROWS, seed: int = 3) -> Columns:
    """Encounters by chance, every field but the required ones now and then not recorded."""
    chance = random.Random(seed)
    columns: Columns = {}
    for name in FEATURES:
        field = BY_NAME[name]
        among: tuple[str | int, ...] = field.choices or CODES.get(name, ICD9_CODES)
        if field.whole_number:
            among = tuple(int(choice) for choice in field.choices) or tuple(range(field.low, 15))
        columns[name] = [
            None if not field.required and chance.random() < 0.1 else chance.choice(among) for _ in range(rows)
        ]
    return columns


def outcomes(columns: Columns, seed: int = 5) -> list[int]:
    """The more stays in the year before, the more readmissions."""
    chance = random.Random(seed)
    return [int(chance.random() < int(stays or 0) / 16) for stays in columns["number_inpatient"]]


def small(candidate: Candidate) -> Candidate:
    quick = {"n_estimators": 30, "max_iter": 30, "min_child_samples": 10, "min_samples_leaf": 10}
    known = {name: value for name, value in quick.items() if name in candidate.settings}
    return replace(candidate, settings={**candidate.settings, **known})


def learnt(candidate: Candidate) -> Pipeline:
    columns = encounters()
    model: Pipeline = build(candidate, seed=1).fit(model_input(columns), outcomes(columns))
    return model


@pytest.fixture(params=[small(candidate) for candidate in CANDIDATES], ids=lambda candidate: candidate.name)
def candidate(request: pytest.FixtureRequest) -> Candidate:
    found: Candidate = request.param
    return found


@pytest.fixture
def fitted(candidate: Candidate) -> Pipeline:
    return learnt(candidate)


def test_a_model_input_has_the_features_in_order_and_the_same_types_whatever_is_missing() -> None:
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


def test_more_stays_in_the_year_before_are_learnt_as_more_risk(fitted: Pipeline) -> None:
    row = {name: values * 2 for name, values in encounters(rows=1).items()}
    few, many = probabilities(fitted, model_input({**row, "number_inpatient": [0, 14]}))
    assert many > few + 0.1


def test_what_was_never_seen_or_is_missing_gets_a_probability(fitted: Pipeline) -> None:
    columns = encounters(rows=3)
    columns["diag_1"] = ["999.9", "V99", "no code"]
    columns |= {"medical_specialty": ["Sports", None, "x"], "age": ["[90-100)", "young", None]}
    columns |= {"num_medications": [999, None, 0], "discharge_disposition_id": [30, None, 0]}
    nothing: Columns = {name: [None] * 2 for name in FEATURES}
    for frame in (model_input(columns), model_input(nothing)):
        found = probabilities(fitted, frame)
        assert found.shape == (len(frame),)
        assert ((found > 0) & (found < 1)).all()


def test_equal_rows_and_seed_give_the_same_model(candidate: Candidate, fitted: Pipeline) -> None:
    others = model_input(encounters(seed=4))
    np.testing.assert_array_equal(probabilities(learnt(candidate), others), probabilities(fitted, others))


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
    made = outcomes(columns)
    otherwise = [1 - made[0], *made[1:]]
    encoded = [build(candidate, seed=1)[:-1].fit_transform(model_input(columns), known) for known in (made, otherwise)]
    np.testing.assert_array_equal(encoded[0][0], encoded[1][0])
    assert (encoded[0][1:] != encoded[1][1:]).any()


def test_a_saved_model_predicts_the_same_and_needs_no_other_trust(fitted: Pipeline) -> None:
    saved, others = skops.io.dumps(fitted), model_input(encounters(seed=4))
    assert set(skops.io.get_untrusted_types(data=saved)) <= set(TRUSTED_TYPES)
    loaded = skops.io.loads(saved, trusted=list(TRUSTED_TYPES))
    np.testing.assert_array_equal(probabilities(loaded, others), probabilities(fitted, others))


def test_no_type_is_trusted_that_no_candidate_needs() -> None:
    saved = [skops.io.dumps(learnt(small(candidate))) for candidate in CANDIDATES]
    needed = {name for model in saved for name in skops.io.get_untrusted_types(data=model)}
    assert needed == set(TRUSTED_TYPES)


@pytest.mark.parametrize("change", [lambda values: values[:1] * ROWS, lambda _: [None] * ROWS], ids=["one", "no"])
def test_columns_with_one_value_or_none_can_be_learnt_from(
    candidate: Candidate, change: Callable[[list[str | int | None]], list[str | int | None]]
) -> None:
    columns = encounters()
    made = outcomes(columns)
    flat = {name: values if name == "number_inpatient" else change(values) for name, values in columns.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = build(candidate, seed=1).fit(model_input(flat), made)
        assert np.isfinite(probabilities(model, model_input(columns))).all()


@pytest.fixture(scope="module")
def real() -> pl.DataFrame:
    """The encounters of the real file, clean, each with its split."""
    path = os.environ.get("READMIT_DATA")
    if path is None:
        pytest.skip("READMIT_DATA is not set: only the real file can show what the models reach on it")
    content = Path(path).read_bytes()
    if zipfile.is_zipfile(path):
        content = zipfile.ZipFile(path).read("diabetic_data.csv")
    raw = pl.read_csv(io.BytesIO(content), infer_schema=False)
    raw = raw.rename({name: python_name(name) for name in raw.columns}).with_row_index(POSITION)
    kept: pl.DataFrame = clean(raw.with_columns(pl.col(POSITION).cast(pl.Int64)), ()).clean
    return with_split(kept).sort(ENCOUNTER)


def expected_calibration_error(happened: npt.NDArray[np.int64], found: npt.NDArray[np.float64]) -> float:
    bins = np.array_split(np.argsort(found, kind="stable"), 20)
    return float(sum(abs(happened[rows].sum() - found[rows].sum()) for rows in bins) / len(found))


def judged(real: pl.DataFrame, number: int, target: str) -> dict[str, float]:
    """A candidate refitted on train and validation, judged on test."""
    test = real.filter(pl.col(SPLIT) == Split.TEST)
    rest = real.filter(pl.col(SPLIT) != Split.TEST)
    assert not set(test[PATIENT]) & set(rest[PATIENT])
    frames: list[pd.DataFrame] = [model_input(rows.select(FEATURES).to_dict(as_series=False)) for rows in (rest, test)]
    started = time.process_time()
    model = build(CANDIDATES[number], seed=130).fit(frames[0], labels(rest[OUTCOME], target))
    seconds = time.process_time() - started
    happened, found = np.array(labels(test[OUTCOME], target)), probabilities(model, frames[1])
    return {
        "roc_auc": float(roc_auc_score(happened, found)),
        "skill": 1 - log_loss(happened, found) / log_loss(happened, np.full(len(found), happened.mean())),
        "ece": expected_calibration_error(happened, found),
        "observed_expected": float(happened.sum() / found.sum()),
        "seconds": seconds,
        "flagged": float((found >= 1 / 7).mean()),
    }


def test_the_models_reach_their_bars_on_the_patients_of_the_test_split(real: pl.DataFrame) -> None:
    regression, forest, boosting, lightgbm = range(len(CANDIDATES))
    best = judged(real, lightgbm, "within_30_days")
    assert 0.680 <= best["roc_auc"] < 0.72
    assert best["skill"] >= 0.062
    assert best["ece"] <= 0.015
    assert 0.95 <= best["observed_expected"] <= 1.05
    assert 0.1 < best["flagged"] < 0.3
    assert best["seconds"] <= 6
    assert judged(real, regression, "within_30_days")["roc_auc"] >= 0.670
    assert judged(real, forest, "within_30_days")["roc_auc"] >= 0.675
    assert judged(real, boosting, "within_30_days")["roc_auc"] >= 0.680
    assert judged(real, lightgbm, "any")["roc_auc"] >= 0.690


def test_on_permuted_labels_nothing_is_learnt(sample: Path) -> None:
    raw = pl.read_csv(sample, infer_schema=False).rename(python_name).with_row_index(POSITION)
    rows = with_split(clean(raw.with_columns(pl.col(POSITION).cast(pl.Int64)), ()).clean)
    known, unseen = (rows.filter((pl.col(SPLIT) == Split.TRAIN) == train) for train in (True, False))
    frames = [model_input(part.select(FEATURES).to_dict(as_series=False)) for part in (known, unseen)]
    candidate = next(candidate for candidate in CANDIDATES if candidate.name == "lightgbm")
    outcomes, happened = (labels(part[OUTCOME], "any") for part in (known, unseen))
    aucs = []
    for seed in range(5):
        mixed = np.random.default_rng(seed).permutation(outcomes)
        found = probabilities(build(candidate, seed).fit(frames[0], mixed), frames[1])
        aucs.append(float(roc_auc_score(happened, found)))
    assert np.mean(aucs) == pytest.approx(0.5, abs=0.02)
    learnt_well = probabilities(build(candidate, 0).fit(frames[0], outcomes), frames[1])
    assert roc_auc_score(happened, learnt_well) > 0.55, "with the labels in place there is something to learn"


def test_what_a_frame_was_made_of_can_be_had_back() -> None:
    columns = encounters()
    assert any(value is None for values in columns.values() for value in values)
    assert raw_values(model_input(columns)) == columns
