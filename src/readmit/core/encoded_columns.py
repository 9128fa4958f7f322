"""The input matrix of a compiled model for many encounters, in which the values of a field can be permuted."""

from collections.abc import Mapping, Sequence

import numpy as np

from readmit.core.feature_spec import BASE_COLUMNS, MODEL_COLUMNS, Value
from readmit.core.metrics import Floats, Ints
from readmit.core.scorer import Scorer, TreeScorer


class EncodedColumns:
    """Validated encounters as a compiled model reads them. `matrix`: shape (rows, model columns).

    Each distinct value is encoded once. `values`: a column for each of FEATURES.
    """

    def __init__(self, scorer: Scorer, values: Mapping[str, Sequence[Value]]) -> None:
        self._scorer = scorer
        self._codes: list[Ints] = []
        self._categories: list[list[str]] = []
        self._numbers: list[Floats] = []
        for name in BASE_COLUMNS:
            code_of = {value: code for code, value in enumerate(dict.fromkeys(values[name]))}
            encoded = [scorer.encode_value(name, value) for value in code_of]
            self._codes.append(np.array([code_of[value] for value in values[name]], dtype=np.int64))
            self._numbers.append(np.array([value.number for value in encoded]))
            self._categories.append([value.category for value in encoded])
        self.matrix = np.empty((len(self._codes[0]), len(MODEL_COLUMNS)))
        for index, codes in enumerate(self._codes):
            self.matrix[:, index] = self._numbers[index][codes]
        for column, (field, partner, _) in enumerate(scorer.crosses, len(BASE_COLUMNS)):
            self.matrix[:, column] = self._cross(column, self._codes[field], self._codes[partner])

    def permuted(self, name: str, source: Ints) -> tuple[Ints, Floats]:
        """Return the rows whose value of a field changes when each row takes that of row `source`, and their matrix."""
        index = BASE_COLUMNS.index(name)
        taken = self._codes[index][source]
        rows = np.flatnonzero(taken != self._codes[index])
        matrix, codes = self.matrix[rows], taken[rows]
        matrix[:, index] = self._numbers[index][codes]
        for column, (field, partner, _) in enumerate(self._scorer.crosses, len(BASE_COLUMNS)):
            if index in (field, partner):
                pair = [codes if member == index else self._codes[member][rows] for member in (field, partner)]
                matrix[:, column] = self._cross(column, *pair)
        return rows, matrix

    def _cross(self, column: int, field_codes: Ints, partner_codes: Ints) -> Floats:
        """Return the number of a cross of each row, shape (rows,)."""
        field, partner, number = self._scorer.crosses[column - len(BASE_COLUMNS)]
        fields, partners = self._categories[field], self._categories[partner]
        pairs, row_pairs = np.unique(field_codes * len(partners) + partner_codes, return_inverse=True)
        numbers = [number[fields[pair // len(partners)], partners[pair % len(partners)]] for pair in pairs.tolist()]
        return np.array(numbers, dtype=np.float64)[row_pairs]

    def columns_of(self, name: str) -> set[int]:
        """Return the indices of the columns of the matrix that a field is in: its own and those of its crosses."""
        index = BASE_COLUMNS.index(name)
        pairs = enumerate(self._scorer.crosses, len(BASE_COLUMNS))
        return {index} | {column for column, (field, partner, _) in pairs if index in (field, partner)}

    def probabilities(self, matrix: Floats) -> Floats:
        """Return the probability of each row of a matrix, shape (rows,)."""
        return self.probabilities_of(self.scores(matrix))

    def scores(self, matrix: Floats) -> Floats:
        """Return the score of each row of a matrix without the base value, shape (rows,)."""
        trees = self._scorer.trees
        return np.asarray(matrix.sum(axis=1)) if trees is None else tree_scores(trees, matrix)

    def probabilities_of(self, scores: Floats) -> Floats:
        """Return the probabilities of scores without the base value, both of shape (rows,)."""
        compiled = self._scorer.compiled
        total = compiled.base + scores
        return np.asarray(1 / (1 + np.exp(-total)) if compiled.scale == "log-odds" else total)


def tree_scores(trees: TreeScorer, matrix: Floats) -> Floats:
    """Return the score of each row of a matrix by some trees, shape (rows,), all in one call."""
    return np.frombuffer(trees.scores(matrix.data), dtype=np.float64) if len(matrix) else np.empty(0)
