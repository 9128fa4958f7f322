"""The models that are tried for readmission: each takes the raw encounter, all encoding is inside the pipeline."""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from lightgbm import LGBMClassifier
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, SplineTransformer, StandardScaler, TargetEncoder
from threadpoolctl import threadpool_limits

from readmit.core.encounter import BY_NAME, FEATURES
from readmit.core.feature_spec import AGE, CATEGORIES, CHOICES, COUNTS, CROSSES, Value
from readmit.core.features import derived

Scalar = str | int | float | bool
Settings = Mapping[str, Scalar]

TRUSTED_TYPES = (
    "collections.OrderedDict",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "numpy.dtype",
    "readmit.core.features.derived",
    "scipy._lib.array_api_compat.numpy._aliases.asarray",
    "scipy.interpolate._bsplines.BSpline",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.model_selection._split.KFold",
    "sklearn.tree._tree.Tree",
)
"""What skops must be told to trust so that it loads a fitted candidate; all else is scikit-learn's or numpy's."""


@dataclass(frozen=True)
class Candidate:
    """A model to try. `settings`: the scalars that are logged and that `estimator` is made from, with a seed."""

    name: str
    settings: Settings
    estimator: Callable[[Settings, int], Pipeline]


def model_input(columns: Mapping[str, Sequence[str | int | float | None]]) -> pd.DataFrame:
    """The frame that a model takes, in training and in serving: FEATURES in order, one row per encounter.

    Whole numbers become float64 (NaN: not recorded), texts objects (None: not recorded), whatever is missing.
    KeyError: a feature is not among the columns.
    """
    return pd.DataFrame({name: _column(name, columns[name]) for name in FEATURES})


def _column(name: str, values: Sequence[str | int | float | None]) -> pd.Series:
    if BY_NAME[name].whole_number:
        return pd.Series([np.nan if value is None else value for value in values], dtype=np.float64)
    # NaN is the one value that differs from itself.
    return pd.Series([None if value != value else value for value in values], dtype=object)


def raw_values(frame: pd.DataFrame) -> dict[str, list[Value]]:
    """Return the columns that `model_input` made a frame of: whole numbers and texts, None for not recorded."""
    return {str(name): [_raw(value) for value in column.tolist()] for name, column in frame.items()}


def _raw(value: str | float | None) -> Value:
    if isinstance(value, float):
        return None if math.isnan(value) else int(value)
    return value


def build(candidate: Candidate, seed: int) -> Pipeline:
    """The candidate's pipeline, not yet fitted: raw encounters in, `predict_proba` out."""
    return Pipeline([("derived", FunctionTransformer(derived)), *candidate.estimator(candidate.settings, seed).steps])


def one_thread() -> AbstractContextManager[object]:
    """A block in which each fit takes one thread, so that the number of cores changes no figure.

    On cores that others use, too, more threads wait for each other: boosting took 20 times as long. The limit is the
    process's: who fits several at once opens the block around them all.
    """
    limits: AbstractContextManager[object] = threadpool_limits(1)
    return limits


def fitted(candidate: Candidate, seed: int, encounters: pd.DataFrame, labels: Sequence[int]) -> Pipeline:
    """The candidate learnt from a model input, on one thread."""
    with one_thread():
        model: Pipeline = build(candidate, seed).fit(encounters, labels)
    return model


def probabilities(model: Pipeline, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
    """The probability of readmission of each row of a model input, shape (rows,)."""
    return np.asarray(model.predict_proba(frame)[:, 1], dtype=np.float64)


def _rates(settings: Settings, seed: int) -> TargetEncoder:
    """Each category as the readmission rate of its rows, drawn to the overall rate when they are few.

    In training a row is encoded by the rates of the other folds, so that its own outcome is not in its features.
    """
    folds = KFold(n_splits=int(settings["encoding_folds"]), shuffle=True, random_state=seed)
    return TargetEncoder(target_type="binary", smooth="auto", cv=folds)


def _logistic_regression(settings: Settings, seed: int) -> Pipeline:
    splines = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        SplineTransformer(n_knots=int(settings["knots"]), degree=3, knots="quantile"),
    )
    one_hot = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=int(settings["least_rows"]))
    encoder = ColumnTransformer(
        [
            ("number", splines, [*COUNTS, AGE]),
            ("category", one_hot, [*(name for name in CHOICES if name != AGE), *CATEGORIES]),
            ("rate", make_pipeline(_rates(settings, seed), StandardScaler()), [*CATEGORIES, *CROSSES]),
        ]
    )
    model = LogisticRegression(C=float(settings["c"]), max_iter=300)
    return Pipeline([("encoder", encoder), ("model", model)])


def _for_trees(settings: Settings, seed: int) -> ColumnTransformer:
    """Numbers as they are, with NaN where none was recorded; rates for the rest."""
    rates = _rates(settings, seed)
    return ColumnTransformer([("number", "passthrough", [*COUNTS, *CHOICES]), ("rate", rates, [*CATEGORIES, *CROSSES])])


def _absent() -> SimpleImputer:
    """-1 where no number was recorded, below every one that was: scikit-learn's trees fail on a column of NaN alone."""
    return SimpleImputer(strategy="constant", fill_value=-1.0, keep_empty_features=True)


def _own(settings: Settings) -> dict[str, Any]:
    """The estimator's own among a candidate's settings: named scalars, which it checks by itself."""
    return {name: value for name, value in settings.items() if name != "encoding_folds"}


def _random_forest(settings: Settings, seed: int) -> Pipeline:
    model = RandomForestClassifier(**_own(settings), random_state=seed, n_jobs=1)
    return Pipeline([("encoder", _for_trees(settings, seed)), ("absent", _absent()), ("model", model)])


def _hist_gradient_boosting(settings: Settings, seed: int) -> Pipeline:
    model = HistGradientBoostingClassifier(**_own(settings), random_state=seed, early_stopping=False)
    return Pipeline([("encoder", _for_trees(settings, seed)), ("absent", _absent()), ("model", model)])


def _lightgbm(settings: Settings, seed: int) -> Pipeline:
    model = LGBMClassifier(
        **_own(settings), random_state=seed, n_jobs=1, deterministic=True, force_col_wise=True, verbose=-1
    )
    return Pipeline([("encoder", _for_trees(settings, seed)), ("model", model)])


CANDIDATES = (
    Candidate(
        "logistic_regression",
        MappingProxyType({"encoding_folds": 5, "knots": 5, "least_rows": 100, "c": 0.05}),
        _logistic_regression,
    ),
    Candidate(
        "random_forest",
        MappingProxyType(
            {
                "encoding_folds": 5,
                "n_estimators": 150,
                "min_samples_leaf": 25,
                "max_features": 0.15,
                "max_samples": 0.3,
            }
        ),
        _random_forest,
    ),
    Candidate(
        "hist_gradient_boosting",
        MappingProxyType(
            {
                "encoding_folds": 5,
                "max_iter": 150,
                "learning_rate": 0.06,
                "max_leaf_nodes": 15,
                "min_samples_leaf": 60,
                "l2_regularization": 5,
                "max_features": 0.3,
            }
        ),
        _hist_gradient_boosting,
    ),
    Candidate(
        "lightgbm",
        MappingProxyType(
            {
                "encoding_folds": 5,
                "n_estimators": 200,
                "learning_rate": 0.05,
                "num_leaves": 15,
                "min_child_samples": 60,
                "subsample": 0.8,
                "subsample_freq": 1,
                "colsample_bytree": 0.3,
                "reg_lambda": 5,
            }
        ),
        _lightgbm,
    ),
)
