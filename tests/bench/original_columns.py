"""The clean rows as 60 integer columns, the input of the original's model."""

import polars as pl

from readmit.core.encounter import BY_NAME, FEATURES, FIELDS, NOT_RECORDED, OUTCOME
from readmit.core.feature_spec import CODES, DIAGNOSES
from readmit.core.icd9 import icd9_chapter
from readmit.core.legacy_columns import YES_DRUGS, derived_columns

COLUMNS = 60
TARGET = "any"
"""The original's label: readmitted at any later time."""
REPEATED = {"age_group", *(f"{drug}_yes" for drug in YES_DRUGS)}
"""Columns of the original's tables that repeat another one, at most with fewer values."""


def original_columns(rows: pl.DataFrame) -> pl.DataFrame:
    """Return 60 integer columns without nulls, and the label `readmitted`.

    The original's 50: whole numbers, choices and codes as ordinal numbers, and age, `change` and `diabetesMed` also
    as numbers. 10 derived ones: the ICD-9 chapter of each diagnosis, and an indicator for each field that may be
    unrecorded. Missing values are replaced by the most frequent one.
    """
    numbers = [pl.col(name).cast(pl.Int64) for name in FEATURES if BY_NAME[name].whole_number]
    derived = [
        pl.col(column.column)
        .replace_strict(dict(column.numbers), default=None, return_dtype=pl.Int64)
        .alias(column.name)
        for column in derived_columns(TARGET)
        if column.name not in REPEATED
    ]
    codes = [_ordinal_codes(rows[name], f"{name}_encoded") for name in CODES]
    chapters = [_ordinal_codes(_chapters(rows[name]), f"{name}_chapter") for name in DIAGNOSES]
    recorded = [
        pl.col(field.name).is_not_null().cast(pl.Int64).alias(f"{field.name}_recorded")
        for field in FIELDS
        if field.may_be_unrecorded
    ]
    columns = rows.select(*numbers, *derived, *codes, *chapters, *recorded).with_columns(
        pl.all().fill_null(pl.all().drop_nulls().mode().first()).fill_null(0)
    )
    if columns.width != COLUMNS + 1:
        raise ValueError(f"{columns.width - 1} columns for the original's model instead of {COLUMNS}")
    return columns.select([name for name in columns.columns if name != OUTCOME] + [OUTCOME])


def _ordinal_codes(values: pl.Series, name: str) -> pl.Series:
    codes = {value: code for code, value in enumerate(sorted(values.drop_nulls().unique()))}
    return pl.Series(name, [codes.get(value) for value in values], dtype=pl.Int64)


def _chapters(codes: pl.Series) -> pl.Series:
    return pl.Series([icd9_chapter(NOT_RECORDED if code is None else code) for code in codes])
