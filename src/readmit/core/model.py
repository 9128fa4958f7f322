"""Candidate models: pipelines that take raw encounters and contain all of their encoding."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from lightgbm import LGBMClassifier
from sklearn import config_context  # type: ignore[attr-defined]  # its stubs do not have it
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, SplineTransformer, StandardScaler
from threadpoolctl import threadpool_limits

from readmit.core.encounter import BY_NAME, FEATURES
from readmit.core.feature_spec import AGE, CATEGORIES, CHOICES, COUNTS, CROSS_COLUMNS, Value
from readmit.core.features import derived
from readmit.core.rate_encoder import RateEncoder
from readmit.core.seed_bag import SeedBag

Scalar = str | int | float | bool
Settings = Mapping[str, Scalar]
Patients: TypeAlias = npt.ArrayLike
"""A number for the patient of each encounter, shape (rows,)."""
ROWS_PER_CHUNK = 20_000
ENCODER_SETTINGS: Settings = MappingProxyType({"encoding_folds": 10, "least_rows": 30, "smoothing_rows": 20})
"""Folds of the cross-fitting; fewest encounters of a category; encounters that weigh as much as the overall rate."""

TRUSTED_TYPES = (
    "collections.OrderedDict",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "numpy.dtype",
    "readmit.core.features.derived",
    "readmit.core.rate_encoder.RateEncoder",
    "readmit.core.seed_bag.SeedBag",
    "scipy._lib.array_api_compat.numpy._aliases.asarray",
    "scipy.interpolate._bsplines.BSpline",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.model_selection._split.GroupKFold",
    "sklearn.tree._tree.Tree",
)
"""Types that skops has to trust to load a fitted candidate, besides those it trusts by default."""


@dataclass(frozen=True)
class Candidate:
    """A model to fit. `settings`: the logged hyperparameters, from which `estimator` builds it, with a seed.

    `bytes_per_row`: most memory that a fit takes per encounter fitted on, beside the encounters.
    """

    name: str
    settings: Settings
    estimator: Callable[[Settings, int], Pipeline]
    bytes_per_row: int

    @property
    def is_bag(self) -> bool:
        """Whether it is several models that differ by their seeds."""
        return "members" in self.settings


def model_input(columns: Mapping[str, Sequence[str | int | float | None]]) -> pd.DataFrame:
    """Return the input frame of a model, in training and in serving: FEATURES in order, shape (encounters, features).

    Whole numbers are float64 (NaN: not recorded), texts objects (None: not recorded), even in an empty column.
    Raises KeyError when a feature is missing.
    """
    return pd.DataFrame({name: _column(name, columns[name]) for name in FEATURES})


def _column(name: str, values: Sequence[str | int | float | None]) -> pd.Series:
    if BY_NAME[name].whole_number:
        return pd.Series([np.nan if value is None else value for value in values], dtype=np.float64)
    # Only NaN differs from itself.
    return pd.Series([None if value != value else value for value in values], dtype=object)


def chunks(frame: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield the rows of a model input in order, some at a time: as whole numbers and texts all take gigabytes."""
    return (frame.iloc[start : start + ROWS_PER_CHUNK] for start in range(0, len(frame), ROWS_PER_CHUNK))


def raw_values(frame: pd.DataFrame) -> dict[str, list[Value]]:
    """Invert `model_input`: return its columns as whole numbers and texts, None for not recorded."""
    return {str(name): [_raw(value) for value in column.tolist()] for name, column in frame.items()}


def _raw(value: str | float | None) -> Value:
    if isinstance(value, float):
        return None if math.isnan(value) else int(value)
    return value


def build_pipeline(candidate: Candidate, seed: int) -> Pipeline:
    """Return the candidate's unfitted pipeline, from raw encounters to `predict_proba`."""
    return Pipeline([("derived", FunctionTransformer(derived)), *candidate.estimator(candidate.settings, seed).steps])


def single_threaded() -> AbstractContextManager[object]:
    """Return a context in which every fit uses one thread, so that results do not depend on the number of cores.

    On shared cores several threads wait for each other: boosting took 20 times as long. The limit applies to the whole
    process: open one context around concurrent fits.
    """
    limits: AbstractContextManager[object] = threadpool_limits(1)
    return limits


def fit_candidate(
    candidate: Candidate, seed: int, encounters: pd.DataFrame, labels: Sequence[int], patients: Patients
) -> Pipeline:
    """Fit the candidate to a model input, on one thread."""
    # With metadata routing the folds of every encoder get the patients.
    with single_threaded(), config_context(enable_metadata_routing=True):
        model: Pipeline = build_pipeline(candidate, seed).fit(encounters, labels, groups=patients)
    return model


def probabilities(model: Pipeline, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return the probability of readmission of each row of a model input, shape (rows,)."""
    return np.asarray(model.predict_proba(frame)[:, 1], dtype=np.float64)


def single_seeded(candidate: Candidate) -> Candidate:
    """Return the candidate without its bag, which takes a fraction of the time to fit: for comparisons."""
    return replace(candidate, settings={**candidate.settings, "members": 1}) if candidate.is_bag else candidate


def _rate_encoder(settings: Settings, seed: int) -> RateEncoder:
    """Return a target encoder that is cross-fitted by patient.

    So neither a training row's own outcome nor those of the patient's other stays are in its features.
    """
    folds = GroupKFold(n_splits=int(settings["encoding_folds"]), shuffle=True, random_state=seed)
    return RateEncoder(int(settings["least_rows"]), float(settings["smoothing_rows"]), folds)


def _logistic_regression(settings: Settings, seed: int) -> Pipeline:
    splines = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        SplineTransformer(n_knots=int(settings["knots"]), degree=3, knots="quantile"),
    )
    one_hot = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=int(settings["one_hot_rows"]))
    encoder = ColumnTransformer(
        [
            ("number", splines, [*COUNTS, AGE]),
            ("category", one_hot, [*(name for name in CHOICES if name != AGE), *CATEGORIES]),
            ("rate", make_pipeline(_rate_encoder(settings, seed), StandardScaler()), [*CATEGORIES, *CROSS_COLUMNS]),
        ]
    )
    model = LogisticRegression(C=float(settings["c"]), max_iter=300)
    return Pipeline([("encoder", encoder), ("model", model)])


def _tree_steps(settings: Settings, seed: int, model: BaseEstimator) -> Pipeline:
    """Return the encoder of the tree models, and the model.

    Numbers are unchanged, rates replace categories, and -1, below every recorded number, stands for not recorded:
    scikit-learn's trees fail on a column of only NaN.
    """
    rates = _rate_encoder(settings, seed)
    encoder = ColumnTransformer(
        [("number", "passthrough", [*COUNTS, *CHOICES]), ("rate", rates, [*CATEGORIES, *CROSS_COLUMNS])]
    )
    absent = SimpleImputer(strategy="constant", fill_value=-1.0, keep_empty_features=True)
    return Pipeline([("encoder", encoder), ("absent", absent), ("model", model)])


def _estimator_settings(settings: Settings) -> dict[str, Any]:
    """Return the settings that are the estimator's own parameters, which it validates itself."""
    return {name: value for name, value in settings.items() if name not in (*ENCODER_SETTINGS, "members")}


def _random_forest(settings: Settings, seed: int) -> Pipeline:
    model = RandomForestClassifier(**_estimator_settings(settings), random_state=seed, n_jobs=1)
    return _tree_steps(settings, seed, model)


def _bag(settings: Settings, seed: int, model: Callable[[int], BaseEstimator]) -> Pipeline:
    """Return a bag of models, each with its own seed."""
    seeds = [100 * seed + member for member in range(int(settings["members"]))]
    return Pipeline([("bag", SeedBag([_tree_steps(settings, each, model(each)) for each in seeds]))])


def _hist_gradient_boosting(settings: Settings, seed: int) -> Pipeline:
    parameters = _estimator_settings(settings)

    def model(seed: int) -> HistGradientBoostingClassifier:
        return HistGradientBoostingClassifier(**parameters, random_state=seed, early_stopping=False)

    return _bag(settings, seed, model)


def _lightgbm(settings: Settings, seed: int) -> Pipeline:
    parameters = _estimator_settings(settings)

    def model(seed: int) -> LGBMClassifier:
        return LGBMClassifier(
            **parameters, random_state=seed, n_jobs=1, deterministic=True, force_col_wise=True, verbose=-1
        )

    return _bag(settings, seed, model)


CANDIDATES = (
    Candidate(
        "logistic_regression",
        MappingProxyType({**ENCODER_SETTINGS, "knots": 5, "one_hot_rows": 100, "c": 0.05}),
        _logistic_regression,
        bytes_per_row=3_500,
    ),
    Candidate(
        "pairwise_boosting",
        MappingProxyType(
            {
                **ENCODER_SETTINGS,
                "members": 4,
                "max_iter": 100,
                "learning_rate": 0.1,
                "max_leaf_nodes": 15,
                "min_samples_leaf": 60,
                "l2_regularization": 5,
                "max_features": 0.3,
                "interaction_cst": "pairwise",
            }
        ),
        _hist_gradient_boosting,
        bytes_per_row=1_250,
    ),
    Candidate(
        "hist_gradient_boosting",
        MappingProxyType(
            {
                **ENCODER_SETTINGS,
                "members": 4,
                "max_iter": 100,
                "learning_rate": 0.08,
                "max_leaf_nodes": 15,
                "min_samples_leaf": 60,
                "l2_regularization": 5,
                "max_features": 0.3,
            }
        ),
        _hist_gradient_boosting,
        bytes_per_row=1_250,
    ),
    Candidate(
        "lightgbm",
        MappingProxyType(
            {
                **ENCODER_SETTINGS,
                "members": 4,
                "n_estimators": 100,
                "learning_rate": 0.06,
                "num_leaves": 15,
                "min_child_samples": 60,
                "subsample": 0.8,
                "subsample_freq": 1,
                "colsample_bytree": 0.5,
                "reg_lambda": 5,
            }
        ),
        _lightgbm,
        bytes_per_row=1_250,
    ),
    Candidate(
        "random_forest",
        MappingProxyType(
            {
                **ENCODER_SETTINGS,
                "n_estimators": 150,
                "min_samples_leaf": 25,
                "max_features": 0.15,
                "max_samples": 0.3,
            }
        ),
        _random_forest,
        bytes_per_row=1_600,
    ),
)
"""The simplest first: a sum of terms by field; of terms by two fields; trees; the forest, whose trees are deepest."""
