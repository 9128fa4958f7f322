"""A model version as plain numbers and text: all that an answer needs, in one JSON file that nothing is run from.

A column that a model is given (`inputs.GIVEN`) has a number for each of its values. A model of trees is asked with
those numbers; in an additive model each of them is a term, and their sum is the score.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from readmit.core.coverage import Coverage
from readmit.core.encounter import FEATURES
from readmit.core.errors import VersionUnusable
from readmit.core.feature_spec import MODEL_COLUMNS
from readmit.core.parity_check import ParityCheck
from readmit.core.trees import Tree

Scale = Literal["log-odds", "probability"]
COMPILED_TOLERANCE = 1e-6
"""So far may two answers to one question be apart, at most."""


@dataclass(frozen=True, slots=True)
class CompiledColumn:
    """`numbers` by value as text; `otherwise`: of every other value. None: trees take it for not recorded."""

    numbers: Mapping[str, float | None]
    otherwise: float | None

    def number(self, value: str) -> float:
        """The number of a value, NaN where trees take it for not recorded."""
        return number_or_nan(self.numbers.get(value, self.otherwise))


def number_or_nan(number: float | None) -> float:
    """NaN for None, which JSON can hold."""
    return math.nan if number is None else number


@dataclass(frozen=True, slots=True)
class CompiledModel:
    """`columns`: one for each of GIVEN. `trees`: none where the model is additive.

    `base`: what a score begins with. `scale`: what a score is, log-odds or the probability itself.
    """

    scale: Scale
    base: float
    columns: Mapping[str, CompiledColumn]
    trees: tuple[Tree, ...]
    coverage: Coverage
    proof: ParityCheck

    def to_json(self) -> bytes:
        """The same bytes for the same model."""
        columns = {name: asdict(column) for name, column in self.columns.items()}
        coverage = json.loads(self.coverage.to_json())
        told = _File(1, self.scale, self.base, columns, self.trees, coverage, self.proof)  # type: ignore[arg-type]
        return json.dumps(asdict(told), allow_nan=False).encode()

    @classmethod
    def from_json(cls, text: bytes) -> "CompiledModel":
        """What `to_json` wrote. VersionUnusable: it is not that, or of another format than this code reads."""
        try:
            read = TypeAdapter(_File).validate_json(text)
            _have(MODEL_COLUMNS, read.columns)
            _have(FEATURES, read.proof.questions)
            coverage = Coverage.from_json(json.dumps(read.coverage))
        except (ValidationError, ValueError) as error:
            raise VersionUnusable(f"no scorer of ours: {str(error)[:300]}") from error
        return cls(read.scale, read.base, read.columns, read.trees, coverage, read.proof)


@dataclass(frozen=True, slots=True)
class _File:
    """`format`: what is understood otherwise gets another number."""

    format: Literal[1]
    scale: Scale
    base: float
    columns: dict[str, CompiledColumn]
    trees: tuple[Tree, ...]
    coverage: dict[str, Any]
    proof: ParityCheck


def _have(names: Iterable[str], found: Mapping[str, object]) -> None:
    if missing := [name for name in names if name not in found]:
        raise ValueError(f"it lacks {', '.join(missing)}")
