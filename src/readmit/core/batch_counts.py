"""The counts that are stored with a batch, made of its clean encounters."""

from collections.abc import Mapping

import polars as pl

from readmit.core.encounter import OUTCOME, TARGETS
from readmit.core.suppression import BATCH, FIELDS_COUNTED, sums_by_name

Counts = Mapping[str, Mapping[str, tuple[int, ...]]]
"""By field and name of the value: encounters, and how many were readmitted for each of TARGETS, in their order."""


def counts_of_batch(batch: int, encounters: pl.DataFrame) -> Counts:
    """Count the encounters of a batch by each field. `encounters`: CLEAN_SCHEMA."""
    numbered = encounters.with_columns(pl.lit(batch).alias(BATCH))
    return {field: sums_by_name(field, _by_value(numbered, field)) for field in FIELDS_COUNTED}


def _by_value(encounters: pl.DataFrame, field: str) -> list[tuple[str | int | None, list[int]]]:
    readmitted = (pl.col(OUTCOME).is_in(outcomes).sum().alias(target) for target, outcomes in TARGETS.items())
    counted = encounters.group_by(field).agg(pl.len(), *readmitted)
    return [(value, numbers) for value, *numbers in counted.rows()]
