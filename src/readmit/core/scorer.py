"""A compiled model at work on one encounter: plain Python over tables, made to be asked thousands of times a second.

What a value of a field means to the model, its number, its category and the warning about it, is worked out when the
value is first seen, and remembered.
"""

import math
from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from readmit.core.compiled_model import COMPILED_TOLERANCE, CompiledModel, number_or_nan
from readmit.core.encounter import BY_NAME, FEATURES
from readmit.core.feature_spec import BASE_COLUMNS, CATEGORIES, CROSSED, Cross, Value, category
from readmit.core.request import Encounter, Reader, value_of

Key = TypeVar("Key")
Found = TypeVar("Found")

MEMO_SIZE = 10_000
"""So many answers are remembered of each kind: the codes of a field are open, and memory is not."""


class Memo(dict[Key, Found], Generic[Key, Found]):
    """What a function made of each key so far, made when first asked for. Raises what the function raises."""

    def __init__(self, make: Callable[[Key], Found]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: Key) -> Found:
        found = self._make(key)
        if len(self) < MEMO_SIZE:
            self[key] = found
        return found


class EncodedValue(NamedTuple):
    """`number`: what the model is given; `category`: of one of CATEGORIES, or empty; `warning`: a sentence or None."""

    number: float
    category: str
    warning: str | None


class TreeScorer(Protocol):
    """What trees say of a row, which holds a number for each of `inputs.GIVEN`."""

    def score(self, row: list[float]) -> float:
        """The sum of the trees."""

    def scores(self, rows: memoryview) -> "array[float]":
        """The same for many: float64, shape (rows, columns), contiguous."""

    def contributions(self, row: Sequence[float]) -> list[float]:
        """What each column adds, and at the end what is there without any."""


class Scorer:
    """Asked by one thread at a time, but for `contributions`. `trees`: None where the model is additive."""

    def __init__(self, compiled: CompiledModel, trees: TreeScorer | None) -> None:
        self.compiled = compiled
        self.trees = trees
        self._base, self._log_odds = compiled.base, compiled.scale == "log-odds"
        self.crosses = [
            (BASE_COLUMNS.index(cross.field), BASE_COLUMNS.index(cross.partner), Memo(self._number_of(cross)))
            for cross in CROSSED
        ]
        """Places of the two fields among SINGLE, and the number of the two categories together."""

    def _number_of(self, cross: Cross) -> Callable[[tuple[str, str]], float]:
        column = self.compiled.columns[cross.name]
        return lambda pair: column.number(cross.text(*pair))

    def cell(self, name: str, value: Value) -> EncodedValue:
        """What the value of a checked encounter means to the model."""
        column, warning = self.compiled.columns[name], self.compiled.coverage.warning(name, value)
        if name in CATEGORIES:
            text = category(name, value)
            return EncodedValue(column.number(text), text, warning)
        return EncodedValue(
            number_or_nan(column.otherwise) if value is None else column.number(str(value)), "", warning
        )

    def cells(self, read: Reader) -> list[Memo[object, EncodedValue]]:
        """For each of SINGLE the cells by raw value. ValueError, asked for one: it can't stand in the field."""

        def of(name: str) -> Callable[[object], EncodedValue]:
            return lambda raw: self.cell(name, value_of(BY_NAME[name], raw, read))

        return [Memo(of(name)) for name in BASE_COLUMNS]

    def cells_of(self, encounter: Encounter) -> list[EncodedValue]:
        """One for each of SINGLE."""
        return [self.cell(name, encounter.values[name]) for name in BASE_COLUMNS]

    def row(self, cells: Sequence[EncodedValue]) -> list[float]:
        """What the model is given of an encounter, a number for each of `inputs.GIVEN`."""
        numbers = [cell[0] for cell in cells]
        for field, partner, number in self.crosses:
            numbers.append(number[cells[field][1], cells[partner][1]])
        return numbers

    def probability(self, row: list[float]) -> float:
        """The probability of readmission."""
        score = self._base + (sum(row) if self.trees is None else self.trees.score(row))
        return 1 / (1 + math.exp(-score)) if self._log_odds else score

    def contributions(self, row: Sequence[float]) -> tuple[float, dict[str, float]]:
        """The base and, by raw field, what each adds to it: all in all the score, on the model's scale.

        Half of what a cross adds is counted to either of its fields: the Shapley value of two who count only together.
        """
        *added, base = (*row, 0.0) if self.trees is None else self.trees.contributions(row)
        found = dict(zip(BASE_COLUMNS, added, strict=False))
        for cross, addition in zip(CROSSED, added[len(BASE_COLUMNS) :], strict=True):
            for name in (cross.field, cross.partner):
                found[name] += addition / 2
        return base + self._base, {name: found[name] for name in FEATURES}

    def verify(self) -> None:
        """Asks what the fitted model was asked. VersionUnusable: this says something else than that did."""
        self.compiled.proof.verify(self.answers(self.compiled.proof.questions), COMPILED_TOLERANCE)

    def answers(self, encounters: Mapping[str, Sequence[Value]]) -> list[float]:
        """The probability of each of some checked encounters, a column for each of FEATURES."""
        columns = []
        for name in BASE_COLUMNS:
            known = {value: self.cell(name, value) for value in set(encounters[name])}
            columns.append([known[value] for value in encounters[name]])
        return [self.probability(self.row(cells)) for cells in zip(*columns, strict=True)]
