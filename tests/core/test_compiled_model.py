"""A compiled model gives the predictions of the fitted model."""

import json
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline

from readmit.core.compiled_model import CompiledModel
from readmit.core.compiler import compile_model
from readmit.core.coverage import Coverage
from readmit.core.cross_credits import with_cross_credits
from readmit.core.encounter import BY_NAME, FEATURES
from readmit.core.errors import VersionUnusable
from readmit.core.feature_spec import BASE_COLUMNS
from readmit.core.model import CANDIDATES, fit_candidate, model_input, probabilities
from readmit.core.probe_set import parity_check_of
from readmit.core.request import json_text, parse
from readmit.core.scorer import Scorer
from readmit.core.trees import Tree
from readmit.io.lightgbm_native import NativeTrees, load_scorer

Columns = dict[str, list[str | int | None]]
NAMES = [candidate.name for candidate in CANDIDATES]


@pytest.fixture(scope="module")
def columns(random_encounters: Callable[[int], Columns]) -> Columns:
    """Random encounters with missing values in the fields that are not required."""
    encounters = random_encounters(800)
    for index, name in enumerate(FEATURES):
        if not BY_NAME[name].required:
            encounters[name] = [None if (row + index) % 9 == 0 else value for row, value in enumerate(encounters[name])]
    return encounters


@pytest.fixture(scope="module")
def fits(columns: Columns) -> dict[str, tuple[Pipeline, CompiledModel]]:
    """Each candidate, reduced in size, fitted and compiled."""
    stays = [int(number or 0) for number in columns["number_inpatient"]]
    # The outcome also depends on whether race is missing, so that some trees split on missing values.
    outcomes = [int(number + row % 5 + 6 * (columns["race"][row] is None) > 8) for row, number in enumerate(stays)]
    encounters, coverage = model_input(columns), Coverage.of(columns)
    fitted = {}
    for candidate in CANDIDATES:
        reduced = {name: 12 for name in ("n_estimators", "max_iter") if name in candidate.settings}
        quick = replace(candidate, settings={**candidate.settings, **reduced})
        model = fit_candidate(quick, 3, encounters, outcomes, range(len(outcomes)))
        without_credits = compile_model(model, encounters, coverage, parity_check_of(model, coverage))
        fitted[candidate.name] = model, with_cross_credits(load_scorer(without_credits.to_json()), encounters)
    return fitted


@pytest.mark.parametrize("name", NAMES)
def test_compiled_and_fitted_model_agree_on_every_encounter_and_edge_case(
    fits: dict[str, tuple[Pipeline, CompiledModel]], columns: Columns, name: str
) -> None:
    model, compiled = fits[name]
    scorer = load_scorer(compiled.to_json())
    scorer.verify()
    np.testing.assert_allclose(
        scorer.probabilities(columns), probabilities(model, model_input(columns)), rtol=0, atol=1e-12
    )
    assert np.ptp(compiled.proof.answers) > 0.01


@pytest.mark.parametrize("name", NAMES)
def test_the_scorer_file_is_strict_json(fits: dict[str, tuple[Pipeline, CompiledModel]], name: str) -> None:
    text = fits[name][1].to_json()

    def reject_constant(constant: str) -> float:
        raise AssertionError(constant)

    json.loads(text, parse_constant=reject_constant)
    assert CompiledModel.from_json(text).to_json() == text


@pytest.mark.parametrize("name", NAMES)
def test_base_and_contributions_sum_to_the_score(
    fits: dict[str, tuple[Pipeline, CompiledModel]], columns: Columns, name: str
) -> None:
    compiled = fits[name][1]
    scorer = load_scorer(compiled.to_json())
    cells = dict(zip(BASE_COLUMNS, scorer.value_encoders(json_text), strict=True))
    for index in range(25):
        encoded = [cells[field][columns[field][index]] for field in BASE_COLUMNS]
        base, contributions = scorer.contributions(encoded)
        assert list(contributions) == list(FEATURES)
        score = base + sum(contributions.values())
        probability = 1 / (1 + math.exp(-score)) if compiled.scale == "log-odds" else score
        assert probability == pytest.approx(scorer.probability(scorer.row(encoded)), abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_the_base_is_the_mean_score_of_the_model(
    fits: dict[str, tuple[Pipeline, CompiledModel]], columns: Columns, name: str
) -> None:
    model, compiled = fits[name]
    scorer = load_scorer(compiled.to_json())
    base, _ = scorer.contributions([scorer.encode_value(field, columns[field][0]) for field in BASE_COLUMNS])
    p = probabilities(model, model_input(columns))
    scores = np.log(p / (1 - p)) if compiled.scale == "log-odds" else p
    # Trees weight their leaves by their training rows: cross-fitted encodings, and bootstrap samples in a forest.
    assert base == pytest.approx(scores.mean(), abs=0.05)
    assert np.ptp(scores) > 0.1


def test_a_scorer_whose_predictions_differ_from_its_model_is_unusable(
    fits: dict[str, tuple[Pipeline, CompiledModel]],
) -> None:
    compiled = fits["lightgbm"][1]
    shifted = replace(compiled, base=compiled.base + 1e-4)
    with pytest.raises(VersionUnusable, match="predictions differ from those at fit time"):
        load_scorer(shifted.to_json()).verify()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"[]",
        b"\x80\x04.",
        b'{"format": 2}',
    ],
)
def test_an_invalid_scorer_is_unusable(text: bytes) -> None:
    with pytest.raises(VersionUnusable):
        load_scorer(text)


@pytest.mark.parametrize(
    "damage",
    [
        {"feature": (53,)},
        {"feature": (-1,)},
        {"threshold": (math.inf,)},
        {"threshold": ()},
        {"decision": (1,)},
        {"left": (-1,), "right": (-1,)},
        {"left": (0,)},
        {"left": (-3,)},
        {"value": (0.0,)},
        {"value": (0.0, math.nan)},
        {"feature": (0, 0), "threshold": (1.0, 1.0), "decision": (0, 0), "left": (-1, 1), "right": (-2, -3)}
        | {"split_rows": (2, 2), "value": (0.0, 1.0, 1.0), "leaf_rows": (1, 1, 1)},
    ],
)
def test_an_invalid_tree_never_reaches_the_library(damage: dict[str, tuple[float, ...]]) -> None:
    """It would terminate the process."""
    valid = Tree((0,), (1.5,), (0,), (-1,), (-2,), (2,), (0.0, 1.0), (1, 1))
    valid.check()
    with pytest.raises(VersionUnusable, match="a tree"):
        NativeTrees([valid, replace(valid, **damage)])  # type: ignore[arg-type]  # any field


def test_a_missing_column_is_named(fits: dict[str, tuple[Pipeline, CompiledModel]]) -> None:
    compiled = fits["logistic_regression"][1]
    without = {name: column for name, column in compiled.columns.items() if name != "insulin"}
    with pytest.raises(VersionUnusable, match="missing insulin"):
        load_scorer(replace(compiled, columns=without).to_json())


def test_a_tree_without_splits_is_compiled(columns: Columns) -> None:
    """A forest whose minimum leaf size prevents any split."""
    forest = next(candidate for candidate in CANDIDATES if candidate.name == "random_forest")
    stump = replace(forest, settings={**forest.settings, "n_estimators": 2, "min_samples_leaf": 5_000})
    encounters, coverage = model_input(columns), Coverage.of(columns)
    rows = range(len(encounters))
    model = fit_candidate(stump, 3, encounters, [row % 2 for row in rows], rows)
    scorer = load_scorer(compile_model(model, encounters, coverage, parity_check_of(model, coverage)).to_json())
    scorer.verify()


def test_an_unsupported_model_type_is_rejected(columns: Columns) -> None:
    encounters = model_input(columns)
    rows = range(len(encounters))
    fitted = fit_candidate(CANDIDATES[0], 1, encounters, [row % 2 for row in rows], rows)
    dummy = DummyClassifier().fit(encounters, [row % 2 for row in rows])
    model = Pipeline([*fitted.steps[:-1], ("model", dummy)])
    with pytest.raises(TypeError, match="DummyClassifier can't be compiled"):
        compile_model(model, encounters, Coverage.of(columns), parity_check_of(model, Coverage.of(columns)))


def test_unseen_codes_are_cached_up_to_the_limit(
    fits: dict[str, tuple[Pipeline, CompiledModel]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("readmit.core.scorer.MEMO_SIZE", 3)
    scorer: Scorer = load_scorer(fits["lightgbm"][1].to_json())
    cells = dict(zip(BASE_COLUMNS, scorer.value_encoders(json_text), strict=True))["diag_1"]
    encoded = [cells[f"{number}.1"] for number in range(100, 120)]
    assert [cells[f"{number}.1"] for number in range(100, 120)] == encoded
    assert len(cells) == 3


def test_encoding_an_encounter_equals_encoding_its_values(
    fits: dict[str, tuple[Pipeline, CompiledModel]], columns: Columns
) -> None:
    scorer = load_scorer(fits["lightgbm"][1].to_json())
    record = {name: columns[name][0] for name in FEATURES}
    cells = dict(zip(BASE_COLUMNS, scorer.value_encoders(json_text), strict=True))
    assert scorer.encode(parse(record)) == [cells[name][record[name]] for name in BASE_COLUMNS]


def test_predictions_keep_the_order_of_the_rows(
    fits: dict[str, tuple[Pipeline, CompiledModel]], columns: Columns
) -> None:
    model, compiled = fits["hist_gradient_boosting"]
    shuffled = pd.DataFrame(columns, dtype=object).sample(frac=1, random_state=1).to_dict(orient="list")
    np.testing.assert_allclose(
        load_scorer(compiled.to_json()).probabilities(shuffled),
        probabilities(model, model_input(shuffled)),
        rtol=0,
        atol=1e-12,
    )
