"""The original's columns: its names for ours, and the numbers that it put in the place of words.

Readmit keeps UCI's words; the model's own pipeline makes numbers of them. These here are for queries that know the
original's tables.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from readmit.core.encounter import BY_NAME, FIELDS, OUTCOME, Field, Kind, labels
from readmit.core.splitting import Split

RENAMED = {"change": "change_medication"}
SPLIT_TABLES = {split: f"{split}_data" for split in Split}
"""The original's table of each split."""
OUTCOME_IN_WORDS = f"{OUTCOME}_as_recorded"
"""What UCI's three values are called where the original's 0 or 1 bears their name."""


@dataclass(frozen=True, slots=True)
class Derived:
    """A column of the original's that follows from one of ours. `numbers`: what each value becomes; null stays null."""

    name: str
    column: str
    numbers: Mapping[str, int]


def original_name(column: str) -> str:
    return RENAMED.get(column, column)


def derived(target: str) -> tuple[Derived, ...]:
    """All that can be derived; `readmitted` is 0 or 1 of the target. ValueError: a target that is not known."""
    choices = [field for field in FIELDS if field.kind is Kind.CHOICE and field.name != OUTCOME]
    yes = [field for field in choices if len(field.choices) == 2 and "No" in field.choices]
    return (
        Derived("age_numeric", "age", {band: _middle(band) for band in BY_NAME["age"].choices}),
        *(
            _named(field, "encoded", {each: place for place, each in enumerate(sorted(field.choices))})
            for field in choices
        ),
        *(_named(field, "yes", {each: int(each != "No") for each in field.choices}) for field in yes),
        Derived(OUTCOME, OUTCOME, _label_of_each_outcome(target)),
    )


def _named(field: Field, ending: str, numbers: Mapping[str, int]) -> Derived:
    return Derived(f"{original_name(field.name)}_{ending}", field.name, numbers)


def _middle(band: str) -> int:
    """75 of `[70-80)`."""
    low, high = (int(bound) for bound in re.findall(r"\d+", band))
    return (low + high) // 2


def _label_of_each_outcome(target: str) -> dict[str, int]:
    outcomes = BY_NAME[OUTCOME].choices
    return dict(zip(outcomes, labels(outcomes, target), strict=True))
