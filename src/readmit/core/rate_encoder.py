"""Target encoding: a category becomes its rate of readmission, if enough encounters have it."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.preprocessing import TargetEncoder

from readmit.core.metrics import Floats


class RateEncoder(TargetEncoder):
    """Encode each category as its readmission rate, shrunk towards the overall rate (Micci-Barreca 2001).

    A category of fewer than `least_rows` training encounters has the overall rate, as an unseen one has: a few outcomes
    say nothing about the next one. "Not recorded" is a category like any other. `smooth`: encounters that weigh as
    much as the overall rate; `cv`: the folds by which training encounters are encoded without their own outcomes.
    Takes a frame of texts, shape (encounters, columns).
    """

    def __init__(self, least_rows: int, smooth: float, cv: object) -> None:
        super().__init__(target_type="binary", smooth=smooth, cv=cv)  # type: ignore[no-untyped-call]  # not typed
        self.least_rows = least_rows

    def fit_transform(self, X: pd.DataFrame, y: Any = None, **params: Any) -> Floats:  # noqa: ANN401, N803 - scikit-learn's
        """Fit, and return the cross-fitted encoding of the training encounters."""
        counts = {name: X[name].value_counts() for name in X}
        self.frequent_ = {name: set(count.index[count >= self.least_rows]) for name, count in counts.items()}
        return self._with_overall_rate(X, super().fit_transform(X, y, **params))

    def transform(self, X: pd.DataFrame) -> Floats:  # noqa: N803 - scikit-learn's
        """Return the encoding of encounters, shape (encounters, columns)."""
        return self._with_overall_rate(X, super().transform(X))  # type: ignore[no-untyped-call]  # not typed

    def _with_overall_rate(self, frame: pd.DataFrame, rates: Any) -> Floats:  # noqa: ANN401 - scikit-learn has no types
        """Return the rates with the overall rate for rare and unseen categories."""
        columns = [
            np.fromiter((value in self.frequent_[name] for value in frame[name].tolist()), bool, len(frame))
            for name in frame
        ]
        return np.asarray(np.where(np.column_stack(columns), rates, self.target_mean_))
