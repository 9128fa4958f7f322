"""Permutation importance of a model: the increase of its log loss when one raw field is permuted.

Breiman 2001, 'Random Forests', section 10; Fisher, Rudin and Dominici 2019. By raw field, not by model column, so that
models with different encodings can be compared. Of two correlated fields each has a part of what they are worth.
"""

import numpy as np
import pandas as pd

from readmit.core.encoded_columns import EncodedColumns
from readmit.core.encounter import FEATURES
from readmit.core.evaluation import Importance
from readmit.core.metrics import Floats, Ints, log_losses
from readmit.core.model import raw_values
from readmit.core.scorer import Scorer

REPEATS = 5
THREADS = 2
"""The trees are scored outside of Python's lock, and a laptop has two cores to spare."""


def importances(scorer: Scorer, encounters: pd.DataFrame, labels: Floats, seed: int) -> dict[str, Importance]:
    """Return the increase in log loss for each of FEATURES over REPEATS permutations of all rows, greatest first.

    `encounters`: model input not fitted on; `labels`: shape (rows,).
    """
    # Imported here: they take 1.5 s, which readers of stored evaluations should not wait for.
    from joblib import parallel_config
    from sklearn.inspection import permutation_importance

    model = _PermutedFields(scorer, encounters)
    with parallel_config(backend="threading", n_jobs=THREADS):
        result = permutation_importance(
            model, model.row_numbers, labels, scoring=_PermutedFields.score, n_repeats=REPEATS, random_state=seed
        )
    errors = result.importances.std(axis=1, ddof=1) / np.sqrt(REPEATS)
    items = zip(FEATURES, result.importances_mean.tolist(), errors.tolist(), strict=True)
    found = {name: Importance(increase, error) for name, increase, error in items}
    return dict(sorted(found.items(), key=lambda item: -item[1].increase))


class _PermutedFields:
    """A model of row numbers, one for each field: the row that the field's value is taken from.

    So a permutation of a column is one of a field, and only the encounters whose value it changed are scored: for a
    rare drug these are few.
    """

    def __init__(self, scorer: Scorer, encounters: pd.DataFrame) -> None:
        self._encoded = EncodedColumns(scorer, raw_values(encounters[list(FEATURES)]))
        self._rows = np.arange(len(encounters))
        self._probabilities = self._encoded.probabilities(self._encoded.matrix)

    @property
    def row_numbers(self) -> Ints:
        """The row numbers of the unpermuted encounters, shape (rows, fields)."""
        return np.tile(self._rows[:, None], len(FEATURES))

    def fit(self, *_: object) -> "_PermutedFields":
        """Return the model, which is fitted already: scikit-learn takes estimators only."""
        return self

    def score(self, row_numbers: Ints, labels: Floats) -> float:
        """Return the negative log loss, for scikit-learn's scores are the better the greater they are."""
        predicted = self._probabilities.copy()
        for index in np.flatnonzero((row_numbers != self._rows[:, None]).any(axis=0)):
            changed, matrix = self._encoded.permuted(FEATURES[index], row_numbers[:, index])
            predicted[changed] = self._encoded.probabilities(matrix)
        return -float(log_losses(labels, predicted).mean())
