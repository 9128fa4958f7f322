"""Coverage of the training data: which values a model was trained on, for warnings about values outside of it."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from readmit.core.encounter import BY_NAME, FEATURES, Kind


class WarningKind(StrEnum):
    """What a warning about a value is about; the value is its sentence."""

    MISSING = "{field} is missing; it was recorded in {share:.0%} of the training encounters."
    UNSEEN = "{field} {value!r} does not occur in the training data."
    OUTSIDE = "{field} {value} is outside the training range, {low} to {high}."

    @property
    def predicate(self) -> str:
        """The longest part of the sentence that is the same for all fields and values."""
        return max(re.split(r"\{[^}]*\}", self), key=len)


MIN_RECORDED_SHARE = 0.5
"""A missing value gives no warning when its field was recorded in a smaller share of the training encounters."""


@dataclass(frozen=True, slots=True)
class FieldCoverage:
    """The training values of one field: `low` to `high`, inclusive, for a count; `values` for any other field.

    `recorded`: share of the encounters, 0 to 1. If nothing was recorded, there are no values and `low` exceeds `high`.
    """

    recorded: float
    values: frozenset[str | int] = frozenset()
    low: int = 1
    high: int = 0


@dataclass(frozen=True, slots=True)
class Coverage:
    """The training values of each of FEATURES in `rows` encounters."""

    rows: int
    fields: Mapping[str, FieldCoverage]

    @classmethod
    def of(cls, columns: Mapping[str, Sequence[str | int | float | None]]) -> "Coverage":
        """Summarize columns of one value per encounter; None and NaN mean not recorded.

        Raises KeyError when a feature is missing.
        """
        rows = max((len(columns[name]) for name in FEATURES), default=0)
        return cls(rows, {name: field_coverage(name, columns[name]) for name in FEATURES})

    def to_json(self) -> str:
        """Return the coverage as JSON; equal coverages give equal text."""
        fields = {
            name: {"recorded": field.recorded, "low": field.low, "high": field.high}
            if BY_NAME[name].kind is Kind.COUNT
            else {
                "recorded": field.recorded,
                "values": sorted(field.values, key=lambda value: (str(type(value)), value)),
            }
            for name, field in self.fields.items()
        }
        return json.dumps({"rows": self.rows, "fields": fields})

    @classmethod
    def from_json(cls, text: str) -> "Coverage":
        """Read what `to_json` wrote. Raises ValueError when it is invalid."""
        try:
            document = json.loads(text)
            fields = {name: _field_coverage_from_json(document["fields"][name]) for name in FEATURES}
            return cls(int(document["rows"]), fields)
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a valid coverage: {error!r}") from error

    def warnings(self, values: Mapping[str, str | int | None]) -> list[str]:
        """Return a sentence for each field that is missing though mostly recorded, or outside the training data.

        `values`: one for each of FEATURES.
        """
        warnings = (self.warning(name, values[name]) for name in self.fields)
        return [warning for warning in warnings if warning is not None]

    def warning(self, name: str, value: str | int | None) -> str | None:
        """Return the warning about the value of one of FEATURES, or None."""
        return _warning(name, self.fields[name], value)


def field_coverage(name: str, column: Sequence[str | int | float | None]) -> FieldCoverage:
    """Summarize a column of one value per encounter; None and NaN mean not recorded."""
    present = [value for value in column if value is not None and value == value]
    recorded = len(present) / len(column) if column else 0.0
    if not BY_NAME[name].whole_number:
        return FieldCoverage(recorded, frozenset(str(value) for value in present))
    numbers = {int(value) for value in present}
    if BY_NAME[name].kind is Kind.COUNT and numbers:
        return FieldCoverage(recorded, low=min(numbers), high=max(numbers))
    return FieldCoverage(recorded, frozenset(numbers))


def _field_coverage_from_json(document: Mapping[str, object]) -> FieldCoverage:
    recorded, values = document["recorded"], document.get("values")
    if not isinstance(recorded, int | float):
        raise TypeError(f"recorded is {recorded!r}")
    if isinstance(values, list):
        return FieldCoverage(float(recorded), frozenset(values))
    low, high = document["low"], document["high"]
    if not isinstance(low, int) or not isinstance(high, int):
        raise TypeError(f"{low!r} to {high!r} is not a range")
    return FieldCoverage(float(recorded), low=low, high=high)


def _warning(name: str, field: FieldCoverage, value: str | int | None) -> str | None:
    if value is None:
        if field.recorded < MIN_RECORDED_SHARE:
            return None
        return WarningKind.MISSING.format(field=name, share=field.recorded)
    if BY_NAME[name].kind is not Kind.COUNT or field.low > field.high:
        return None if value in field.values else WarningKind.UNSEEN.format(field=name, value=value)
    if isinstance(value, int) and field.low <= value <= field.high:
        return None
    return WarningKind.OUTSIDE.format(field=name, value=value, low=field.low, high=field.high)


def classify_warning(warning: str) -> tuple[str, WarningKind]:
    """Return the field of a warning, and its kind. Raises ValueError when it is none of this module's."""
    for kind in WarningKind:
        if kind.predicate in warning:
            return warning.partition(" ")[0], kind
    raise ValueError("not a warning about a value")
