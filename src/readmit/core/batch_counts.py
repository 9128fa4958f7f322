"""Readmission counts of a batch, computed from its clean encounters and stored with it."""

from collections.abc import Mapping

import polars as pl

from readmit.core.encounter import OUTCOME, TARGETS
from readmit.core.suppression import BATCH, FIELDS_COUNTED, sums_by_name

Counts = Mapping[str, Mapping[str, tuple[int, ...]]]
"""By field and value name: the number of encounters, then the number readmitted for each of TARGETS, in order."""


def counts_of_batch(batch: int, encounters: pl.DataFrame) -> Counts:
    """Count the encounters of a batch by each of FIELDS_COUNTED. `encounters`: CLEAN_SCHEMA."""
    numbered = encounters.with_columns(pl.lit(batch).alias(BATCH))
    return {field: sums_by_name(field, _by_value(numbered, field)) for field in FIELDS_COUNTED}


def _by_value(encounters: pl.DataFrame, field: str) -> list[tuple[str | int | None, list[int]]]:
    readmitted = (pl.col(OUTCOME).is_in(outcomes).sum().alias(target) for target, outcomes in TARGETS.items())
    groups = encounters.group_by(field).agg(pl.len(), *readmitted)
    return [(value, numbers) for value, *numbers in groups.rows()]
