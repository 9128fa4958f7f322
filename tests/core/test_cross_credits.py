"""The contributions of fields agree with Shapley values that are sampled from the raw fields."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from readmit.core.compiler import compile_model
from readmit.core.coverage import Coverage
from readmit.core.cross_credits import with_cross_credits
from readmit.core.encounter import FEATURES, OUTCOME, PATIENT, labels
from readmit.core.feature_spec import BASE_COLUMNS
from readmit.core.model import CANDIDATES, fit_candidate, model_input, raw_values
from readmit.core.parity_check import ParityCheck
from readmit.core.scorer import EncodedValue, Scorer
from readmit.core.splitting import SPLIT, Split
from readmit.io.lightgbm_native import load_scorer

STAYS, PERMUTATIONS, STRONGEST = 60, 150, 10
Floats = npt.NDArray[np.float64]
Encounter = Sequence[EncodedValue]


@pytest.fixture(scope="module")
def scorer(real: pl.DataFrame) -> Scorer:
    rows = real.filter(pl.col(SPLIT) != Split.TEST)
    encounters = model_input(rows.select(FEATURES).to_dict(as_series=False))
    candidate = next(candidate for candidate in CANDIDATES if candidate.name == "lightgbm")
    outcomes = labels(rows[OUTCOME], "within_30_days")
    model = fit_candidate(candidate, 130, encounters, outcomes, rows[PATIENT].to_numpy())
    coverage = Coverage.of({name: encounters[name].tolist() for name in FEATURES})
    compiled = compile_model(model, encounters, coverage, ParityCheck(dict.fromkeys(FEATURES, ()), ()))
    return load_scorer(with_cross_credits(load_scorer(compiled.to_json()), encounters).to_json())


def encode(scorer: Scorer, rows: pl.DataFrame) -> list[Encounter]:
    values = raw_values(model_input(rows.select(FEATURES).to_dict(as_series=False)))
    return [[scorer.encode_value(name, values[name][row]) for name in BASE_COLUMNS] for row in range(rows.height)]


def sampled_shapley(
    score: Callable[[list[list[float]]], Floats],
    row: Callable[[Encounter], list[float]],
    stay: Encounter,
    others: Sequence[Encounter],
    rng: np.random.Generator,
) -> Floats:
    """Return the Shapley value of each raw field (Štrumbelj and Kononenko 2014): the mean change of the score when the
    field, after those before it in a random order, takes the stay's value in another stay."""
    orders = [rng.permutation(len(BASE_COLUMNS)) for _ in range(PERMUTATIONS)]
    rows = []
    for order in orders:
        mixed = list(others[rng.integers(len(others))])
        rows.append(row(mixed))
        for field in order:
            mixed[field] = stay[field]
            rows.append(row(mixed))
    changes = np.diff(score(rows).reshape(PERMUTATIONS, -1))
    values = np.zeros(len(BASE_COLUMNS))
    for order, change in zip(orders, changes, strict=True):
        values[order] += change / PERMUTATIONS
    return values


def test_each_of_the_strongest_fields_has_the_credit_of_its_shapley_value(scorer: Scorer, real: pl.DataFrame) -> None:
    test = real.filter(pl.col(SPLIT) == Split.TEST).sample(STAYS, seed=1)
    stays, others = encode(scorer, test), encode(scorer, real.filter(pl.col(SPLIT) == Split.TRAIN).sample(400, seed=2))
    rng, trees = np.random.default_rng(3), scorer.trees
    assert trees is not None

    def score(rows: list[list[float]]) -> Floats:
        return np.array(trees.scores(memoryview(np.ascontiguousarray(rows))))

    sampled = np.array([sampled_shapley(score, scorer.row, stay, others, rng) for stay in stays])
    credited = np.array([[scorer.contributions(stay)[1][name] for name in BASE_COLUMNS] for stay in stays])
    strongest = np.argsort(-np.abs(sampled).mean(axis=0))[:STRONGEST]
    agreement = {BASE_COLUMNS[field]: np.corrcoef(sampled[:, field], credited[:, field])[0, 1] for field in strongest}
    assert min(agreement.values()) >= 0.9, agreement


def test_a_model_without_credits_divides_a_cross_equally(scorer: Scorer, real: pl.DataFrame) -> None:
    without = load_scorer(replace(scorer.compiled, credits={}).to_json())
    (stay,) = encode(scorer, real.sample(1, seed=4))
    with_credits, halves = scorer.contributions(stay), without.contributions(stay)
    assert with_credits[1] != halves[1]
    assert with_credits[0] + sum(with_credits[1].values()) == pytest.approx(halves[0] + sum(halves[1].values()))
