"""Scoring of single encounters with a compiled model: table lookups in plain Python, fast enough for online serving.

The encoding of a field's value (its number, its category and its warning) is computed on first use and cached.
"""

import math
from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from readmit.core.compiled_model import COMPILED_TOLERANCE, CompiledModel, number_or_nan
from readmit.core.encounter import BY_NAME, FEATURES
from readmit.core.feature_spec import BASE_COLUMNS, CATEGORIES, FEATURE_CROSSES, Cross, Value, category
from readmit.core.request import Encounter, Reader, parse_value

Key = TypeVar("Key")
Result = TypeVar("Result")

MEMO_SIZE = 10_000
"""Maximum number of entries of each cache: the codes of a field are an open set."""


class Memo(dict[Key, Result], Generic[Key, Result]):
    """A cache of a function's results by key, filled on lookup. A lookup raises what the function raises."""

    def __init__(self, function: Callable[[Key], Result]) -> None:
        super().__init__()
        self._function = function

    def __missing__(self, key: Key) -> Result:
        result = self._function(key)
        if len(self) < MEMO_SIZE:
            self[key] = result
        return result


class EncodedValue(NamedTuple):
    """An encoded value. `number`: model input; `category`: of a field of CATEGORIES, else empty; `warning`: or None."""

    number: float
    category: str
    warning: str | None


class TreeScorer(Protocol):
    """Scoring of rows by an ensemble of trees. A row has a number for each of MODEL_COLUMNS."""

    def score(self, row: list[float]) -> float:
        """Return the sum of the trees' leaf values."""

    def scores(self, rows: memoryview) -> "array[float]":
        """Return the scores of many rows. `rows`: float64, shape (rows, columns), C-contiguous."""

    def contributions(self, row: Sequence[float]) -> list[float]:
        """Return the contribution of each column to the score, and the base value as the last item."""


class Scorer:
    """A compiled model for scoring. `trees`: None when the model is additive.

    Not thread-safe, except `contributions`.
    """

    def __init__(self, compiled: CompiledModel, trees: TreeScorer | None) -> None:
        self.compiled = compiled
        self.trees = trees
        self._base, self._log_odds = compiled.base, compiled.scale == "log-odds"
        self.crosses = [
            (BASE_COLUMNS.index(cross.field), BASE_COLUMNS.index(cross.partner), Memo(self._number_of(cross)))
            for cross in FEATURE_CROSSES
        ]
        """Indices of the two fields in BASE_COLUMNS, and the cache from two categories to the number of their cross."""

    def _number_of(self, cross: Cross) -> Callable[[tuple[str, str]], float]:
        column = self.compiled.columns[cross.name]
        return lambda pair: column.number(cross.combine(*pair))

    def encode_value(self, name: str, value: Value) -> EncodedValue:
        """Encode a value of a validated encounter."""
        column, warning = self.compiled.columns[name], self.compiled.coverage.warning(name, value)
        if name in CATEGORIES:
            text = category(name, value)
            return EncodedValue(column.number(text), text, warning)
        return EncodedValue(
            number_or_nan(column.otherwise) if value is None else column.number(str(value)), "", warning
        )

    def value_encoders(self, read: Reader) -> list[Memo[object, EncodedValue]]:
        """Return a cache from raw to encoded values for each of BASE_COLUMNS; invalid values raise ValueError."""

        def encoder(name: str) -> Callable[[object], EncodedValue]:
            return lambda raw: self.encode_value(name, parse_value(BY_NAME[name], raw, read))

        return [Memo(encoder(name)) for name in BASE_COLUMNS]

    def encode(self, encounter: Encounter) -> list[EncodedValue]:
        """Return the encoded value of each of BASE_COLUMNS."""
        return [self.encode_value(name, encounter.values[name]) for name in BASE_COLUMNS]

    def row(self, encoded: Sequence[EncodedValue]) -> list[float]:
        """Return the model's input row of an encounter, a number for each of MODEL_COLUMNS."""
        numbers = [value[0] for value in encoded]
        for field, partner, number in self.crosses:
            numbers.append(number[encoded[field][1], encoded[partner][1]])
        return numbers

    def probability(self, row: list[float]) -> float:
        """Return the probability of readmission of a row."""
        score = self._base + (sum(row) if self.trees is None else self.trees.score(row))
        return 1 / (1 + math.exp(-score)) if self._log_odds else score

    def contributions(self, encoded: Sequence[EncodedValue]) -> tuple[float, dict[str, float]]:
        """Return the base value and the contribution of each raw field; their sum is the score, on the model's scale.

        That of a cross is divided between its two fields (see `core.cross_credits`), equally in older models.
        """
        row = self.row(encoded)
        *added, base = (*row, 0.0) if self.trees is None else self.trees.contributions(row)
        by_field = dict(zip(BASE_COLUMNS, added, strict=False))
        categories = {name: value.category for name, value in zip(BASE_COLUMNS, encoded, strict=True)}
        for cross, addition in zip(FEATURE_CROSSES, added[len(BASE_COLUMNS) :], strict=True):
            credit = self.compiled.credits.get(cross.name)
            transfer = credit.transfer(categories[cross.field], categories[cross.partner]) if credit else 0.0
            by_field[cross.field] += addition / 2 + transfer
            by_field[cross.partner] += addition / 2 - transfer
        return base + self._base, {name: by_field[name] for name in FEATURES}

    def verify(self) -> None:
        """Compare with the fitted model's reference predictions. Raises VersionUnusable when they differ."""
        self.compiled.proof.verify(self.probabilities(self.compiled.proof.questions), COMPILED_TOLERANCE)

    def probabilities(self, encounters: Mapping[str, Sequence[Value]]) -> list[float]:
        """Return the probabilities of validated encounters, given as a column for each of FEATURES."""
        return [self.probability(row) for row in self.rows(encounters)]

    def rows(self, encounters: Mapping[str, Sequence[Value]]) -> list[list[float]]:
        """Return the model's input rows of validated encounters, given as a column for each of FEATURES."""
        columns = []
        for name in BASE_COLUMNS:
            encoded = {value: self.encode_value(name, value) for value in set(encounters[name])}
            columns.append([encoded[value] for value in encounters[name]])
        return [self.row(values) for values in zip(*columns, strict=True)]
