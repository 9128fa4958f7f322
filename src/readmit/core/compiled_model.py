"""A model version as plain numbers and text: all that scoring needs, in one JSON file that holds no code.

Each column of `feature_spec.MODEL_COLUMNS` maps its values to numbers. They are the input of a model of trees; in an
additive model each number is a term, and their sum is the score.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
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
"""Largest accepted difference between the compiled and the fitted model's probability for the same encounter."""


@dataclass(frozen=True, slots=True)
class CompiledColumn:
    """The encoding of one column: `numbers` by value as text, `otherwise` for any other value.

    None is a missing value to trees.
    """

    numbers: Mapping[str, float | None]
    otherwise: float | None

    def number(self, value: str) -> float:
        """Return the number of a value, NaN for a missing value."""
        return number_or_nan(self.numbers.get(value, self.otherwise))


@dataclass(frozen=True, slots=True)
class CrossCredit:
    """How the contribution of a cross is divided between its two fields.

    Each gets half; `field` gives more, and `partner` less, by category (see `core.cross_credits`).
    """

    field: CompiledColumn
    partner: CompiledColumn

    def transfer(self, field: str, partner: str) -> float:
        """Return what goes from the partner to the field, of the contribution for their two categories."""
        return self.field.number(field) - self.partner.number(partner)


def number_or_nan(number: float | None) -> float:
    """Return NaN for None, which stands for it in JSON."""
    return math.nan if number is None else number


@dataclass(frozen=True, slots=True)
class CompiledModel:
    """A compiled model: `columns` for each of MODEL_COLUMNS, `trees` (none when the model is additive).

    `base`: the constant term of the score. `scale`: whether a score is in log-odds or is the probability itself.
    `credits`: of each cross; none in models of releases until 0.1.
    """

    scale: Scale
    base: float
    columns: Mapping[str, CompiledColumn]
    trees: tuple[Tree, ...]
    coverage: Coverage
    proof: ParityCheck
    credits: Mapping[str, CrossCredit] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """Return the model as JSON; equal models give equal bytes."""
        columns = {name: asdict(column) for name, column in self.columns.items()}
        coverage = json.loads(self.coverage.to_json())
        file = _ScorerFile(
            format=1,
            scale=self.scale,
            base=self.base,
            columns=columns,  # type: ignore[arg-type]  # dicts already, as in the file
            trees=self.trees,
            coverage=coverage,
            proof=self.proof,
            credits=dict(self.credits),
        )
        return json.dumps(asdict(file), allow_nan=False).encode()

    @classmethod
    def from_json(cls, text: bytes) -> "CompiledModel":
        """Read what `to_json` wrote. Raises VersionUnusable when it is invalid or of an unsupported format."""
        try:
            file = TypeAdapter(_ScorerFile).validate_json(text)
            _require_keys(MODEL_COLUMNS, file.columns)
            _require_keys(FEATURES, file.proof.questions)
            coverage = Coverage.from_json(json.dumps(file.coverage))
        except (ValidationError, ValueError) as error:
            raise VersionUnusable(f"not a valid compiled scorer: {str(error)[:300]}") from error
        return cls(file.scale, file.base, file.columns, file.trees, coverage, file.proof, file.credits)


@dataclass(frozen=True, slots=True)
class _ScorerFile:
    """The JSON file's structure. `format`: its version, to be raised with every incompatible change."""

    format: Literal[1]
    scale: Scale
    base: float
    columns: dict[str, CompiledColumn]
    trees: tuple[Tree, ...]
    coverage: dict[str, Any]
    proof: ParityCheck
    credits: dict[str, CrossCredit] = field(default_factory=dict)


def _require_keys(names: Iterable[str], values: Mapping[str, object]) -> None:
    if missing := [name for name in names if name not in values]:
        raise ValueError(f"missing {', '.join(missing)}")
