"""The models that are tried for readmission: each takes the raw encounter, all encoding is inside the pipeline."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pandas as pd
from lightgbm import LGBMClassifier
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, SplineTransformer, StandardScaler, TargetEncoder

from readmit.core.encounter import BY_NAME, FEATURES
from readmit.core.features import AGE, CATEGORIES, CHOICES, COUNTS, CROSSES, derived

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
    "sklearn.model_selection._split.KFold",
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


def build(candidate: Candidate, seed: int) -> Pipeline:
    """The candidate's pipeline, not yet fitted: raw encounters in, `predict_proba` out."""
    return Pipeline([("derived", FunctionTransformer(derived)), *candidate.estimator(candidate.settings, seed).steps])


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


def _lightgbm(settings: Settings, seed: int) -> Pipeline:
    encoder = ColumnTransformer(
        [
            ("number", "passthrough", [*COUNTS, *CHOICES]),
            ("rate", _rates(settings, seed), [*CATEGORIES, *CROSSES]),
        ]
    )
    own = {name: value for name, value in settings.items() if name != "encoding_folds"}
    model = LGBMClassifier(
        **own,  # type: ignore[arg-type]  # named scalars, checked by LightGBM itself
        random_state=seed,
        n_jobs=1,
        deterministic=True,
        force_col_wise=True,
        verbose=-1,
    )
    return Pipeline([("encoder", encoder), ("model", model)])


CANDIDATES = (
    Candidate(
        "logistic_regression",
        MappingProxyType({"encoding_folds": 5, "knots": 5, "least_rows": 100, "c": 0.05}),
        _logistic_regression,
    ),
    Candidate(
        "lightgbm",
        MappingProxyType(
            {
                "encoding_folds": 5,
                "n_estimators": 350,
                "learning_rate": 0.03,
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
