"""Coverage of the training data: which values a model was trained on, for warnings about values outside of it."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from readmit.core.encounter import BY_NAME, FEATURES, Kind


class WarningKind(StrEnum):
    """What a warning about a value is about; the value is its sentence."""

    MISSING = "{field} is missing; it was recorded in {share:.0%} of the training encounters."
    UNSEEN = "{field} {value!r} does not occur in the training data."
    RARE = "{field} {value!r} is rare: it occurs in {count} of {rows:,} training encounters."
    OUTSIDE = "{field} {value} is outside the training range, {low} to {high}."

    @property
    def predicate(self) -> str:
        """The longest part of the sentence that is the same for all fields and values."""
        return max(re.split(r"\{[^}]*\}", self), key=len)


MIN_RECORDED_SHARE = 0.5
"""In older models, a missing value gives no warning when its field was recorded in a smaller share of encounters."""
MIN_OCCURRENCES = 10
"""A value of fewer training encounters gives a warning."""


@dataclass(frozen=True, slots=True)
class FieldCoverage:
    """The training values of one field: `low` to `high`, inclusive, for a count; `values` for any other field.

    `recorded`: share of the encounters, 0 to 1. If nothing was recorded, there are no values and `low` exceeds `high`.
    `rare`: the number of encounters of each value that fewer than MIN_OCCURRENCES have, 0 for a count in between.
    `absence_matters`: whether a missing value gives a warning; None in older models.
    """

    recorded: float
    values: frozenset[str | int] = frozenset()
    low: int = 1
    high: int = 0
    rare: Mapping[str | int, int] = field(default_factory=dict)
    absence_matters: bool | None = None

    @property
    def warns_of_absence(self) -> bool:
        """Whether a missing value gives a warning."""
        return self.recorded >= MIN_RECORDED_SHARE if self.absence_matters is None else self.absence_matters


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
        fields = {name: _field_coverage_to_json(name, field) for name, field in self.fields.items()}
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
        return _warning(name, self.fields[name], value, self.rows)


def field_coverage(name: str, column: Sequence[str | int | float | None]) -> FieldCoverage:
    """Summarize a column of one value per encounter; None and NaN mean not recorded."""
    present = [value for value in column if value is not None and value == value]
    recorded = len(present) / len(column) if column else 0.0
    if not BY_NAME[name].whole_number:
        return _coverage_of_values(recorded, Counter(map(str, present)))
    numbers = [int(value) for value in present]
    if BY_NAME[name].kind is not Kind.COUNT or not numbers:
        return _coverage_of_values(recorded, Counter(numbers))
    low, high = min(numbers), max(numbers)
    # A Counter has 0 for what it has not counted.
    return FieldCoverage(recorded, low=low, high=high, rare=_rare(Counter(numbers), range(low, high + 1)))


def _coverage_of_values(recorded: float, counts: Mapping[str | int, int]) -> FieldCoverage:
    return FieldCoverage(recorded, frozenset(counts), rare=_rare(counts, counts))


def _rare(counts: Mapping[str | int, int], values: Iterable[str | int]) -> Mapping[str | int, int]:
    return {value: counts[value] for value in values if counts[value] < MIN_OCCURRENCES}


def _field_coverage_to_json(name: str, field: FieldCoverage) -> Mapping[str, object]:
    range_or_values: Mapping[str, object] = (
        {"low": field.low, "high": field.high}
        if BY_NAME[name].kind is Kind.COUNT
        else {"values": sorted(field.values, key=_by_type)}
    )
    rare = sorted(field.rare.items(), key=lambda item: _by_type(item[0]))
    return {"recorded": field.recorded, **range_or_values, "rare": rare, "absence_matters": field.absence_matters}


def _by_type(value: str | int) -> tuple[str, str | int]:
    return str(type(value)), value


def _field_coverage_from_json(document: Mapping[str, object]) -> FieldCoverage:
    recorded, values, matters = document["recorded"], document.get("values"), document.get("absence_matters")
    rare = document.get("rare", [])
    if not isinstance(recorded, int | float) or not isinstance(rare, list) or not isinstance(matters, bool | None):
        raise TypeError(f"recorded is {recorded!r}, rare {rare!r}, absence_matters {matters!r}")
    counts = {value: int(count) for value, count in rare}
    if isinstance(values, list):
        return FieldCoverage(float(recorded), frozenset(values), rare=counts, absence_matters=matters)
    low, high = document["low"], document["high"]
    if not isinstance(low, int) or not isinstance(high, int):
        raise TypeError(f"{low!r} to {high!r} is not a range")
    return FieldCoverage(float(recorded), low=low, high=high, rare=counts, absence_matters=matters)


def _warning(name: str, field: FieldCoverage, value: str | int | None, rows: int) -> str | None:
    if value is None:
        return WarningKind.MISSING.format(field=name, share=field.recorded) if field.warns_of_absence else None
    in_range = isinstance(value, int) and field.low <= value <= field.high
    if not in_range and value not in field.values:
        kind = WarningKind.OUTSIDE if field.low <= field.high else WarningKind.UNSEEN
        return kind.format(field=name, value=value, low=field.low, high=field.high)
    count = field.rare.get(value)
    if count is None:
        return None
    kind = WarningKind.RARE if count else WarningKind.UNSEEN
    return kind.format(field=name, value=value, count=count, rows=rows)


def classify_warning(warning: str) -> tuple[str, WarningKind]:
    """Return the field of a warning, and its kind. Raises ValueError when it is none of this module's."""
    for kind in WarningKind:
        if kind.predicate in warning:
            return warning.partition(" ")[0], kind
    raise ValueError("not a warning about a value")
