"""A bag of models that differ by their seeds only: their mean score depends less on chance than each of them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from lightgbm import LGBMClassifier
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from readmit.core.metrics import Floats


class SeedBag(ClassifierMixin, BaseEstimator):
    """The mean score, in log-odds, of boosted trees (Breiman 1996, 'Bagging predictors', without its resampling).

    `members`: unfitted pipelines of an encoder and boosted trees, equal but for their seeds. A seed changes how the
    training encounters are encoded, but not how others are: so one fitted encoder serves all members.
    """

    __metadata_request__fit = {"groups": True}  # noqa: RUF012 - read by scikit-learn from the class

    def __init__(self, members: Sequence[Pipeline]) -> None:
        self.members = members

    def fit(self, X: pd.DataFrame, y: Sequence[int], groups: npt.ArrayLike) -> "SeedBag":  # noqa: N803 - scikit-learn's
        """Fit each member. `groups`: the patient of each row."""
        self.models_ = []
        for member in self.members:
            encoder = clone(member[:-1])
            encoded = encoder.fit_transform(X, y, groups=groups)
            self.models_.append(clone(member[-1]).fit(encoded, y))
        self.encoder_, self.classes_ = encoder, np.array([0, 1])
        return self

    def decision_function(self, X: pd.DataFrame) -> Floats:  # noqa: N803 - scikit-learn's
        """Return the mean log-odds of each row, shape (rows,)."""
        check_is_fitted(self)
        encoded = self.encoder_.transform(X)
        return np.asarray(np.mean([_log_odds(model, encoded) for model in self.models_], axis=0))

    def predict_proba(self, X: pd.DataFrame) -> Floats:  # noqa: N803 - scikit-learn's
        """Return the probability of each class, shape (rows, 2)."""
        probability = 1 / (1 + np.exp(-self.decision_function(X)))
        return np.column_stack([1 - probability, probability])

    def predict(self, X: pd.DataFrame) -> npt.NDArray[np.int64]:  # noqa: N803 - scikit-learn's
        """Return the more probable class of each row, shape (rows,)."""
        return np.asarray(self.decision_function(X) > 0, dtype=np.int64)


def _log_odds(model: object, encoded: Floats) -> Floats:
    if isinstance(model, LGBMClassifier):
        return np.asarray(model.predict(encoded, raw_score=True))
    return np.asarray(model.decision_function(encoded))  # type: ignore[attr-defined]  # HistGradientBoostingClassifier
