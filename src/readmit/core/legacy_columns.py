"""Column names and numeric encodings of the original system, for queries written for its tables.

Readmit itself stores UCI's text values; the model pipeline encodes them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from readmit.core.encounter import BY_NAME, FIELDS, OUTCOME, Field, Kind, labels
from readmit.core.splitting import Split

RENAMED_COLUMNS = {"change": "change_medication"}
ID_COLUMNS = {
    "admission_type_id": "admission_type",
    "discharge_disposition_id": "discharge_disposition",
    "admission_source_id": "admission_source",
}
"""The original system's second name of the same number, by ours."""
YES_DRUGS = ("metformin", "repaglinide", "nateglinide", "insulin")
"""Drugs of which the original system stored whether they were prescribed."""
SPLIT_TABLES = {split: f"{split}_data" for split in Split}
"""The original system's table of each split."""
OUTCOME_TEXT_COLUMN = f"{OUTCOME}_as_recorded"
"""Column of UCI's three outcome values where the original's 0/1 column has their name."""


@dataclass(frozen=True, slots=True)
class DerivedColumn:
    """A column of the original system derived from `column`. `numbers`: code of each value; null stays null."""

    name: str
    column: str
    numbers: Mapping[str, int]


def original_name(column: str) -> str:
    """Return the original system's name of a column."""
    return RENAMED_COLUMNS.get(column, column)


def derived_columns(target: str) -> tuple[DerivedColumn, ...]:
    """Return all derived columns; `readmitted` is the target's label. Raises ValueError for an unknown target."""
    choices = [field for field in FIELDS if field.kind is Kind.CHOICE and field.name != OUTCOME]
    binary = [field for field in choices if len(field.choices) == 2 and "No" in field.choices]
    bands = BY_NAME["age"].choices
    return (
        DerivedColumn("age_numeric", "age", {band: _midpoint(band) for band in bands}),
        DerivedColumn("age_group", "age", {band: rank for rank, band in enumerate(bands)}),
        *(
            _derived_column(field, "encoded", {choice: code for code, choice in enumerate(sorted(field.choices))})
            for field in choices
        ),
        *(
            _derived_column(field, "yes", {choice: int(choice != "No") for choice in field.choices})
            for field in (*(BY_NAME[drug] for drug in YES_DRUGS), *binary)
        ),
        DerivedColumn(OUTCOME, OUTCOME, _outcome_labels(target)),
    )


def _derived_column(field: Field, suffix: str, numbers: Mapping[str, int]) -> DerivedColumn:
    return DerivedColumn(f"{original_name(field.name)}_{suffix}", field.name, numbers)


def _midpoint(band: str) -> int:
    """Return the midpoint of an age band: 75 for `[70-80)`."""
    low, high = (int(bound) for bound in re.findall(r"\d+", band))
    return (low + high) // 2


def _outcome_labels(target: str) -> dict[str, int]:
    outcomes = BY_NAME[OUTCOME].choices
    return dict(zip(outcomes, labels(outcomes, target), strict=True))
