"""The facts about the data of a version that its card has and nothing else stores."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import reduce
from typing import Any


@dataclass(frozen=True, slots=True)
class SplitFacts:
    """Encounters of a split, those that were followed by a readmission, and their patients."""

    rows: int
    readmitted: int
    patients: int

    def merge(self, other: "SplitFacts") -> "SplitFacts":
        """Return the union with another split, which has no patient in common with this one."""
        return SplitFacts(self.rows + other.rows, self.readmitted + other.readmitted, self.patients + other.patients)


@dataclass(frozen=True, slots=True)
class FlowFacts:
    """Encounters that the batches contained, and those of them that were not used."""

    received: int
    quarantined: int
    excluded: int


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """The encounters fitted on with one of these values of a field; groups with small cells are merged."""

    field: str
    values: tuple[str, ...]
    rows: int
    readmitted: int


@dataclass(frozen=True, slots=True)
class TrainingFacts:
    """The data of one version.

    `batches`: those with data, without those `set_aside` by an operator. `flow`: None where the counts of a batch are
    not known. `splits`: each by name; the model was fitted on those named in `fitted_on`. `not_recorded`: by field, how
    many of the encounters fitted on lack it; None for a cell that suppression hides. `groups`: who they are about.
    """

    batches: tuple[int, ...]
    set_aside: tuple[int, ...]
    flow: FlowFacts | None
    splits: Mapping[str, SplitFacts]
    fitted_on: tuple[str, ...]
    not_recorded: Mapping[str, int | None]
    groups: tuple[GroupFacts, ...]

    @property
    def fitted(self) -> SplitFacts:
        """The union of the splits that the model was fitted on."""
        return merge_splits(self.splits[name] for name in self.fitted_on)

    def to_json(self) -> str:
        """Return the facts as JSON; equal facts give equal text."""
        return json.dumps(asdict(self), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "TrainingFacts":
        """Read what `to_json` wrote. Raises KeyError, TypeError or ValueError when it is invalid."""
        document: dict[str, Any] = json.loads(text)
        flow = document["flow"]
        return cls(
            batches=tuple(document["batches"]),
            set_aside=tuple(document["set_aside"]),
            flow=None if flow is None else FlowFacts(**flow),
            splits={name: SplitFacts(**split) for name, split in document["splits"].items()},
            fitted_on=tuple(document["fitted_on"]),
            not_recorded=document["not_recorded"],
            groups=tuple(GroupFacts(**{**group, "values": tuple(group["values"])}) for group in document["groups"]),
        )


def merge_splits(splits: Iterable[SplitFacts]) -> SplitFacts:
    """Return the union of splits of different patients."""
    return reduce(SplitFacts.merge, splits, SplitFacts(0, 0, 0))
