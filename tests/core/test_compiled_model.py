"""What is served of a model says what the fitted model says."""

import json
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline

from readmit.core.compiled_model import COMPILED_TOLERANCE, CompiledModel
from readmit.core.compiler import compile_model
from readmit.core.coverage import Coverage
from readmit.core.encounter import BY_NAME, FEATURES
from readmit.core.errors import VersionUnusable
from readmit.core.feature_spec import BASE_COLUMNS
from readmit.core.model import CANDIDATES, build, model_input, probabilities
from readmit.core.probe_set import parity_check_of
from readmit.core.request import json_text, parse
from readmit.core.scorer import Scorer
from readmit.core.trees import Tree
from readmit.io.lightgbm_native import NativeTrees, scorer_of

Columns = dict[str, list[str | int | None]]
NAMES = [candidate.name for candidate in CANDIDATES]


@pytest.fixture(scope="module")
def columns(encounters_by_chance: Callable[[int], Columns]) -> Columns:
    """Some of the fields are not recorded here and there, as in a hospital."""
    made = encounters_by_chance(800)
    for place, name in enumerate(FEATURES):
        if not BY_NAME[name].required:
            made[name] = [None if (row + place) % 9 == 0 else value for row, value in enumerate(made[name])]
    return made


@pytest.fixture(scope="module")
def fits(columns: Columns) -> dict[str, tuple[Pipeline, CompiledModel]]:
    """Each candidate, small, and what is served of it."""
    stays = [int(number or 0) for number in columns["number_inpatient"]]
    # Whether a race was recorded tells, too, so that there are trees that part on that.
    outcomes = [int(number + row % 5 + 6 * (columns["race"][row] is None) > 8) for row, number in enumerate(stays)]
    encounters, coverage = model_input(columns), Coverage.of(columns)
    found = {}
    for candidate in CANDIDATES:
        few = {name: 12 for name in ("n_estimators", "max_iter") if name in candidate.settings}
        model = build(replace(candidate, settings={**candidate.settings, **few}), seed=3).fit(encounters, outcomes)
        found[candidate.name] = model, compile_model(model, encounters, coverage, parity_check_of(model, coverage))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_both_say_the_same_of_every_encounter_and_of_every_edge(
    fits: dict[str, tuple[Pipeline, CompiledModel]], columns: Columns, name: str
) -> None:
    model, made = fits[name]
    scorer = scorer_of(made.to_json())
    scorer.verify()
    np.testing.assert_allclose(scorer.answers(columns), probabilities(model, model_input(columns)), rtol=0, atol=1e-12)
    assert np.ptp(made.proof.answers) > 0.01


@pytest.mark.parametrize("name", NAMES)
def test_what_it_keeps_is_json_that_a_strict_reader_takes(
    fits: dict[str, tuple[Pipeline, CompiledModel]], name: str
) -> None:
    text = fits[name][1].to_json()

    def never(constant: str) -> float:
        raise AssertionError(constant)

    json.loads(text, parse_constant=never)
    assert CompiledModel.from_json(text).to_json() == text


@pytest.mark.parametrize("name", NAMES)
def test_base_and_contributions_make_up_the_score(
    fits: dict[str, tuple[Pipeline, CompiledModel]], columns: Columns, name: str
) -> None:
    made = fits[name][1]
    scorer = scorer_of(made.to_json())
    cells = dict(zip(BASE_COLUMNS, scorer.cells(json_text), strict=True))
    for place in range(25):
        row = scorer.row([cells[field][columns[field][place]] for field in BASE_COLUMNS])
        base, found = scorer.contributions(row)
        assert list(found) == list(FEATURES)
        score = base + sum(found.values())
        said = 1 / (1 + math.exp(-score)) if made.scale == "log-odds" else score
        assert said == pytest.approx(scorer.probability(row), abs=COMPILED_TOLERANCE)


@pytest.mark.parametrize("name", NAMES)
def test_the_base_is_what_the_model_says_on_average(
    fits: dict[str, tuple[Pipeline, CompiledModel]], columns: Columns, name: str
) -> None:
    model, made = fits[name]
    scorer = scorer_of(made.to_json())
    base, _ = scorer.contributions(scorer.row([scorer.cell(field, columns[field][0]) for field in BASE_COLUMNS]))
    said = probabilities(model, model_input(columns))
    scores = np.log(said / (1 - said)) if made.scale == "log-odds" else said
    # Trees weigh their leaves by the rows that grew them: encoded by the rates of other folds, and drawn in a forest.
    assert base == pytest.approx(scores.mean(), abs=0.05)
    assert np.ptp(scores) > 0.1


def test_a_scorer_that_says_other_than_its_model_did_is_unusable(
    fits: dict[str, tuple[Pipeline, CompiledModel]],
) -> None:
    made = fits["lightgbm"][1]
    apart = replace(made, base=made.base + 1e-4)
    with pytest.raises(VersionUnusable, match="says other than when it was fitted"):
        scorer_of(apart.to_json()).verify()


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
def test_what_is_no_scorer_is_unusable(text: bytes) -> None:
    with pytest.raises(VersionUnusable):
        scorer_of(text)


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
def test_what_is_no_tree_never_reaches_the_library(damage: dict[str, tuple[float, ...]]) -> None:
    """It would end the process."""
    good = Tree((0,), (1.5,), (0,), (-1,), (-2,), (2,), (0.0, 1.0), (1, 1))
    good.check()
    with pytest.raises(VersionUnusable, match="a tree"):
        NativeTrees([good, replace(good, **damage)])  # type: ignore[arg-type]


def test_a_column_that_is_lacking_is_named(fits: dict[str, tuple[Pipeline, CompiledModel]]) -> None:
    made = fits["logistic_regression"][1]
    without = {name: column for name, column in made.columns.items() if name != "insulin"}
    with pytest.raises(VersionUnusable, match="lacks insulin"):
        scorer_of(replace(made, columns=without).to_json())


def test_a_tree_that_never_parts_is_a_tree_like_others(columns: Columns) -> None:
    """A forest in which no leaf may be small enough to be made."""
    forest = next(each for each in CANDIDATES if each.name == "random_forest")
    stump = replace(forest, settings={**forest.settings, "n_estimators": 2, "min_samples_leaf": 5_000})
    encounters, coverage = model_input(columns), Coverage.of(columns)
    model = build(stump, seed=3).fit(encounters, [row % 2 for row in range(len(encounters))])
    scorer = scorer_of(compile_model(model, encounters, coverage, parity_check_of(model, coverage)).to_json())
    scorer.verify()


def test_a_model_of_a_kind_that_nobody_knows_is_refused(columns: Columns) -> None:
    encounters = model_input(columns)
    model = Pipeline([*build(CANDIDATES[0], 1).steps[:-1], ("model", DummyClassifier())])
    model.fit(encounters, [row % 2 for row in range(len(encounters))])
    with pytest.raises(TypeError, match="DummyClassifier can't be compiled"):
        compile_model(model, encounters, Coverage.of(columns), parity_check_of(model, Coverage.of(columns)))


def test_a_code_that_nobody_saw_is_remembered_only_while_there_is_room(
    fits: dict[str, tuple[Pipeline, CompiledModel]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("readmit.core.scorer.MEMO_SIZE", 3)
    scorer: Scorer = scorer_of(fits["lightgbm"][1].to_json())
    cells = dict(zip(BASE_COLUMNS, scorer.cells(json_text), strict=True))["diag_1"]
    said = [cells[f"{number}.1"] for number in range(100, 120)]
    assert [cells[f"{number}.1"] for number in range(100, 120)] == said
    assert len(cells) == 3


def test_an_encounter_of_a_request_means_the_same_as_its_values(
    fits: dict[str, tuple[Pipeline, CompiledModel]], columns: Columns
) -> None:
    scorer = scorer_of(fits["lightgbm"][1].to_json())
    record = {name: columns[name][0] for name in FEATURES}
    cells = dict(zip(BASE_COLUMNS, scorer.cells(json_text), strict=True))
    assert scorer.cells_of(parse(record)) == [cells[name][record[name]] for name in BASE_COLUMNS]


def test_a_frame_keeps_its_order(fits: dict[str, tuple[Pipeline, CompiledModel]], columns: Columns) -> None:
    model, made = fits["hist_gradient_boosting"]
    shuffled = pd.DataFrame(columns, dtype=object).sample(frac=1, random_state=1).to_dict(orient="list")
    np.testing.assert_allclose(
        scorer_of(made.to_json()).answers(shuffled), probabilities(model, model_input(shuffled)), rtol=0, atol=1e-12
    )
