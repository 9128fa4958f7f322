from dataclasses import fields, replace
from typing import Any

import pytest
from sklearn.pipeline import Pipeline

from readmit.core.fit_key import FIT_TAG, SEED, DataSource, FitKey, Objective, fit_key
from readmit.core.model import Candidate
from readmit.core.splitting import REFIT_SPLITS, SELECTION_SPLITS

KEY = FitKey(
    snapshot="ab12",
    batch=3,
    code="9f0c",
    candidate="lightgbm",
    settings={"trees": 300, "rate": 0.05, "deterministic": True},
    target="within_30_days",
    threshold=1 / 7,
    rows=SELECTION_SPLITS,
)
OTHER: dict[str, Any] = {
    "snapshot": "ab13",
    "batch": 4,
    "code": "9f0d",
    "candidate": "logistic_regression",
    "settings": {"trees": 301, "rate": 0.05, "deterministic": True},
    "target": "any",
    "threshold": 0.5,
    "rows": REFIT_SPLITS,
    "seed": SEED + 1,
}


def test_every_field_of_a_fit_key_has_a_different_value_below() -> None:
    assert set(OTHER) == {part.name for part in fields(FitKey)}


@pytest.mark.parametrize("part", OTHER)
def test_a_digest_changes_with_each_part_of_the_fit(part: str) -> None:
    assert replace(KEY, **{part: OTHER[part]}).digest != KEY.digest


@pytest.mark.parametrize("value", [300.5, "300", True, 3])
def test_a_digest_changes_with_the_value_and_the_kind_of_a_setting(value: str | float | bool) -> None:
    assert replace(KEY, settings={**KEY.settings, "trees": value}).digest != KEY.digest


def test_a_digest_is_the_same_for_the_same_fit_however_its_settings_are_ordered() -> None:
    reordered = replace(KEY, settings=dict(reversed(list(KEY.settings.items()))))
    assert list(reordered.settings) != list(KEY.settings)
    assert reordered.digest == KEY.digest


def test_the_tags_of_a_fit_name_its_digest_and_every_part_but_the_settings_as_text() -> None:
    assert KEY.tags == {**KEY.tags_without_digest, FIT_TAG: KEY.digest}
    assert set(KEY.tags) == set(OTHER) - {"settings"} | {FIT_TAG}
    assert float(KEY.tags["threshold"]) == 1 / 7


def test_the_key_of_a_candidates_fit_is_built_from_candidate_snapshot_code_and_objective() -> None:
    candidate = Candidate("small", {"c": 0.1}, lambda _settings, _seed: Pipeline([]), 1_000)
    key = fit_key(candidate, DataSource("ab12", 2, "9f0c"), Objective("any", 0.5), REFIT_SPLITS)
    assert key == FitKey("ab12", 2, "9f0c", "small", {"c": 0.1}, "any", 0.5, ("train", "validation"))
