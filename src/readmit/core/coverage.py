"""What a model saw in training, so that an answer can say where it has to guess."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from readmit.core.encounter import BY_NAME, FEATURES, Kind

MATTERS = 0.5
"""A field that was recorded for less than this share of the encounters is not missed when it is absent."""


@dataclass(frozen=True, slots=True)
class FieldCoverage:
    """One field in training. A count has `low` and `high`, inclusive; any other field its `values`.

    `recorded`: share of the encounters, 0 to 1. Nothing recorded: no values, and `low` is above `high`.
    """

    recorded: float
    values: frozenset[str | int] = frozenset()
    low: int = 1
    high: int = 0


@dataclass(frozen=True, slots=True)
class Coverage:
    """`rows` encounters, and what stood in each of FEATURES."""

    rows: int
    fields: Mapping[str, FieldCoverage]

    @classmethod
    def of(cls, columns: Mapping[str, Sequence[str | int | float | None]]) -> "Coverage":
        """What the columns hold, one value per encounter, None or NaN: not recorded. KeyError: a feature is absent."""
        rows = max((len(columns[name]) for name in FEATURES), default=0)
        return cls(rows, {name: _field_coverage(name, columns[name]) for name in FEATURES})

    def to_json(self) -> str:
        """The same bytes for the same coverage."""
        fields = {
            name: {"recorded": seen.recorded, "low": seen.low, "high": seen.high}
            if BY_NAME[name].kind is Kind.COUNT
            else {"recorded": seen.recorded, "values": sorted(seen.values, key=lambda value: (str(type(value)), value))}
            for name, seen in self.fields.items()
        }
        return json.dumps({"rows": self.rows, "fields": fields})

    @classmethod
    def from_json(cls, text: str) -> "Coverage":
        """What `to_json` wrote. ValueError: it is not that."""
        try:
            found = json.loads(text)
            fields = {name: _read(found["fields"][name]) for name in FEATURES}
            return cls(int(found["rows"]), fields)
        except (KeyError, TypeError) as error:
            raise ValueError(f"not the coverage of a model: {error!r}") from error

    def warnings(self, values: Mapping[str, str | int | None]) -> list[str]:
        """One sentence for each field that was absent and matters, or that holds what the model never saw.

        `values`: one for each of FEATURES.
        """
        found = (self.warning(name, values[name]) for name in self.fields)
        return [sentence for sentence in found if sentence is not None]

    def warning(self, name: str, value: str | int | None) -> str | None:
        """The sentence about one of FEATURES, if its value gives cause for one."""
        return _warning(name, self.fields[name], value)


def _field_coverage(name: str, column: Sequence[str | int | float | None]) -> FieldCoverage:
    present = [value for value in column if value is not None and value == value]
    recorded = len(present) / len(column) if column else 0.0
    if not BY_NAME[name].whole_number:
        return FieldCoverage(recorded, frozenset(str(value) for value in present))
    numbers = {int(value) for value in present}
    if BY_NAME[name].kind is Kind.COUNT and numbers:
        return FieldCoverage(recorded, low=min(numbers), high=max(numbers))
    return FieldCoverage(recorded, frozenset(numbers))


def _read(found: Mapping[str, object]) -> FieldCoverage:
    recorded, values = found["recorded"], found.get("values")
    if not isinstance(recorded, int | float):
        raise TypeError(f"recorded is {recorded!r}")
    if isinstance(values, list):
        return FieldCoverage(float(recorded), frozenset(values))
    low, high = found["low"], found["high"]
    if not isinstance(low, int) or not isinstance(high, int):
        raise TypeError(f"{low!r} to {high!r} is no range")
    return FieldCoverage(float(recorded), low=low, high=high)


def _warning(name: str, seen: FieldCoverage, value: str | int | None) -> str | None:
    if value is None:
        if seen.recorded < MATTERS:
            return None
        return (
            f"{name} is absent; it was recorded for {seen.recorded:.0%} of the encounters that the model learnt from."
        )
    if BY_NAME[name].kind is not Kind.COUNT or seen.low > seen.high:
        return None if value in seen.values else f"{name} {value!r} is not among what the model learnt from."
    if isinstance(value, int) and seen.low <= value <= seen.high:
        return None
    return f"{name} {value} is outside of what the model learnt from, {seen.low} to {seen.high}."
