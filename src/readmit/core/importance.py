"""Permutation importance of a model: the increase of its log loss when one raw field is permuted.

Breiman 2001, 'Random Forests', section 10; Fisher, Rudin and Dominici 2019. By raw field, not by model column, so that
models with different encodings can be compared. Of two correlated fields each has a part of what they are worth.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from readmit.core.encoded_columns import EncodedColumns, tree_scores
from readmit.core.encounter import FEATURES
from readmit.core.evaluation import Importance
from readmit.core.metrics import Floats, Ints, log_losses
from readmit.core.model import raw_values
from readmit.core.scorer import Scorer, TreeScorer
from readmit.core.trees import Tree

REPEATS = 5
THREADS = 2
"""The trees are scored outside of Python's lock, and a laptop has two cores to spare."""
LoadTrees = Callable[[Sequence[Tree]], TreeScorer]


def importances(
    scorer: Scorer, load_trees: LoadTrees, encounters: pd.DataFrame, labels: Floats, seed: int
) -> dict[str, Importance]:
    """Return the increase in log loss for each of FEATURES over REPEATS permutations of all rows, greatest first.

    `encounters`: model input not fitted on; `labels`: shape (rows,).
    """
    # Imported here: they take 1.5 s, which readers of stored evaluations should not wait for.
    from joblib import parallel_config
    from sklearn.inspection import permutation_importance

    model = _PermutedFields(scorer, load_trees, encounters)
    with parallel_config(backend="threading", n_jobs=THREADS):
        result = permutation_importance(
            model, model.row_numbers, labels, scoring=_PermutedFields.score, n_repeats=REPEATS, random_state=seed
        )
    errors = result.importances.std(axis=1, ddof=1) / np.sqrt(REPEATS)
    items = zip(FEATURES, result.importances_mean.tolist(), errors.tolist(), strict=True)
    by_field = {name: Importance(increase, error) for name, increase, error in items}
    return dict(sorted(by_field.items(), key=lambda item: -item[1].increase))


class _PermutedFields:
    """A model of row numbers, one for each field: the row that the field's value is taken from.

    So a permutation of a column is one of a field. Only the encounters whose value it changed are scored, for a rare
    drug few of them, and only by the trees that the field is in.
    """

    def __init__(self, scorer: Scorer, load_trees: LoadTrees, encounters: pd.DataFrame) -> None:
        self._trees, self._load_trees = scorer.compiled.trees, load_trees
        self._encoded = EncodedColumns(scorer, raw_values(encounters[list(FEATURES)]))
        self._rows = np.arange(len(encounters))
        self._scores = self._encoded.scores(self._encoded.matrix)
        self._parts: dict[str, tuple[TreeScorer, Floats] | None] = {}

    @property
    def row_numbers(self) -> Ints:
        """The row numbers of the unpermuted encounters, shape (rows, fields)."""
        return np.tile(self._rows[:, None], len(FEATURES))

    def fit(self, *_: object) -> "_PermutedFields":
        """Return the model, which is fitted already: scikit-learn takes estimators only."""
        return self

    def score(self, row_numbers: Ints, labels: Floats) -> float:
        """Return the negative log loss, for scikit-learn's scores are the better the greater they are."""
        scores = self._scores.copy()
        for index in np.flatnonzero((row_numbers != self._rows[:, None]).any(axis=0)):
            rows, matrix = self._encoded.permuted(FEATURES[index], row_numbers[:, index])
            scores[rows] = self._permuted_scores(FEATURES[index], rows, matrix)
        return -float(log_losses(labels, self._encoded.probabilities_of(scores)).mean())

    def _permuted_scores(self, name: str, rows: Ints, matrix: Floats) -> Floats:
        """Return the scores of some rows after a permutation of a field, shape (rows,)."""
        if not self._trees:
            return self._encoded.scores(matrix)
        # scikit-learn permutes a field in one thread only.
        if name not in self._parts:
            self._parts[name] = self._part(name)
        part = self._parts[name]
        if part is None:
            return self._scores[rows]
        trees, scores = part
        return self._scores[rows] - scores[rows] + tree_scores(trees, matrix)

    def _part(self, name: str) -> tuple[TreeScorer, Floats] | None:
        """Return the trees that a field is in, and their scores of the unpermuted encounters; None if it is in none."""
        columns = self._encoded.columns_of(name)
        chosen = [tree for tree in self._trees if not columns.isdisjoint(tree.feature)]
        if not chosen:
            return None
        trees = self._load_trees(chosen)
        return trees, tree_scores(trees, self._encoded.matrix)
