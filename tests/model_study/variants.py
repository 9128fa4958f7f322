"""Variations of one candidate: without a group of fields, with other settings, or with more columns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import combinations

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from readmit.core import model
from readmit.core.encounter import BY_NAME, FEATURES, Group
from readmit.core.feature_spec import CATEGORIES, CHOICES, COUNTS, CROSS_COLUMNS, DIAGNOSES, category
from readmit.core.features import derived
from readmit.core.model import CANDIDATES, Candidate, build_pipeline
from readmit.core.seed_bag import SeedBag
from tests.model_study.ccs import CcsCategories
from tests.model_study.comorbidities import COMORBIDITIES, has_comorbidity

BASE = next(candidate for candidate in CANDIDATES if candidate.name == "lightgbm")
RISING = ("number_inpatient", "number_emergency", "number_outpatient", "number_diagnoses", "num_medications")
"""Counts of which more can be assumed never to lower the risk."""
ADMINISTRATIVE = tuple(name for name in CATEGORIES if name not in DIAGNOSES)

Column = Callable[[pd.DataFrame], list[object]]
"""A column of all encounters."""


@dataclass(frozen=True)
class Columns:
    """More columns than the candidate has, by name: numbers, and categories that are encoded by their rates."""

    numbers: Mapping[str, Column] = field(default_factory=dict)
    categories: Mapping[str, Column] = field(default_factory=dict)

    def added_to(self, encounters: pd.DataFrame) -> pd.DataFrame:
        """Return the derived columns and these."""
        numbers = {name: pd.Series(column(encounters), dtype=float) for name, column in self.numbers.items()}
        texts = {name: pd.Series(column(encounters), dtype=object) for name, column in self.categories.items()}
        return pd.concat([derived(encounters), pd.DataFrame({**numbers, **texts}, index=encounters.index)], axis=1)


@dataclass(frozen=True)
class Variant:
    """A variation. `build` returns an unfitted pipeline for a seed; `without`: fields that have one value."""

    name: str
    build: Callable[[int], Pipeline]
    without: tuple[str, ...] = ()

    def prepared(self, encounters: pd.DataFrame) -> pd.DataFrame:
        """Return the encounters with one value of the fields that the variant does without."""
        return encounters.assign(**{name: [encounters[name].iloc[0]] * len(encounters) for name in self.without})


def of_candidate(candidate: Candidate) -> Variant:
    """Return a candidate as it is registered."""
    return Variant(candidate.name, partial(build_pipeline, candidate))


def without_groups() -> list[Variant]:
    """Return the candidate without the fields of each group."""
    names = {group: tuple(name for name in FEATURES if BY_NAME[name].group is group) for group in Group}
    build = partial(build_pipeline, BASE)
    return [Variant(str(group), build, without) for group, without in names.items() if without]


def other_settings() -> list[Variant]:
    """Return the candidate with other settings, each of which is often recommended."""
    slow = {"n_estimators": 400, "learning_rate": float(BASE.settings["learning_rate"]) / 4}
    changes: Mapping[str, Mapping[str, float]] = {
        "no smoothing of rates": {"smoothing_rows": 0},
        "five times the smoothing of rates": {"smoothing_rows": 100},
        "rates of categories from 5 encounters on": {"least_rows": 5},
        "rates of categories from 200 encounters on": {"least_rows": 200},
        "four times the trees at a quarter of the learning rate": slow,
    }
    candidates = {name: replace(BASE, settings={**BASE.settings, **change}) for name, change in changes.items()}
    return [Variant(name, partial(build_pipeline, candidate)) for name, candidate in candidates.items()]


def more_columns(ccs: CcsCategories | None) -> list[Variant]:
    """Return the candidate with more columns, and with monotone counts. `ccs`: None for none with CCS categories."""
    comorbidities = Columns(numbers={name: partial(has_comorbidity, name) for name in COMORBIDITIES})
    columns = {
        "Elixhauser's comorbidities": comorbidities,
        "every pair of administrative categories": Columns(categories=_pairs(ADMINISTRATIVE)),
        "every pair of diagnoses": Columns(categories=_pairs(DIAGNOSES)),
    }
    if ccs is not None:
        categories: Mapping[str, Column] = {f"{name}_ccs": partial(_ccs_categories, ccs, name) for name in DIAGNOSES}
        columns["CCS categories of the diagnoses"] = Columns(categories=categories)
    variants = [Variant(name, partial(_pipeline, more, monotone=False)) for name, more in columns.items()]
    return [*variants, Variant("monotone in five counts", partial(_pipeline, Columns(), monotone=True))]


def _pairs(names: tuple[str, ...]) -> Mapping[str, Column]:
    return {f"{one}_with_{other}": partial(_pair, one, other) for one, other in combinations(names, 2)}


def _pair(one: str, other: str, encounters: pd.DataFrame) -> list[object]:
    pairs = zip(encounters[one].tolist(), encounters[other].tolist(), strict=True)
    return [f"{_category(one, a)} {_category(other, b)}" for a, b in pairs]


def _category(name: str, value: object) -> str:
    # Only NaN differs from itself.
    missing = value is None or value != value
    return category(name, None if missing else int(value) if isinstance(value, float) else str(value))


def _ccs_categories(ccs: CcsCategories, name: str, encounters: pd.DataFrame) -> list[object]:
    return [ccs.category(str(code)) for code in encounters[name].tolist()]


def _pipeline(columns: Columns, seed: int, monotone: bool) -> Pipeline:
    """Return a bag of the candidate's models on more columns."""
    seeds = [100 * seed + member for member in range(int(BASE.settings["members"]))]
    members = [_member(columns, each, monotone) for each in seeds]
    return Pipeline([("derived", FunctionTransformer(columns.added_to)), ("bag", SeedBag(members))])


def _member(columns: Columns, seed: int, monotone: bool) -> Pipeline:
    bag: SeedBag = model._lightgbm(BASE.settings, seed).named_steps["bag"]
    trees = bag.members[0].named_steps["model"]
    numbers = [*COUNTS, *CHOICES, *columns.numbers]
    texts = [*CATEGORIES, *CROSS_COLUMNS, *columns.categories]
    if monotone:
        trees.set_params(monotone_constraints=[int(name in RISING) for name in numbers] + [0] * len(texts))
    rates = model._rate_encoder(BASE.settings, seed)
    encoder = ColumnTransformer([("number", "passthrough", numbers), ("rate", rates, texts)])
    absent = SimpleImputer(strategy="constant", fill_value=-1.0, keep_empty_features=True)
    return Pipeline([("encoder", encoder), ("absent", absent), ("model", trees)])
