"""The clean rows as 60 whole numbers, as the original's model took them."""

import polars as pl

from readmit.core.encounter import BY_NAME, FEATURES, FIELDS, NOT_RECORDED, OUTCOME
from readmit.core.feature_spec import CODES, DIAGNOSES
from readmit.core.icd9 import icd9_chapter
from readmit.core.legacy_columns import derived

COLUMNS = 60
TARGET = "any"
"""Its label: readmitted at any later time."""


def original_columns(rows: pl.DataFrame) -> pl.DataFrame:
    """60 columns of whole numbers, none null, and the label `readmitted`.

    The original's 50: whole numbers as they are, choices and codes by their place among the values, and age,
    `change` and `diabetesMed` once more in numbers. To these come 10 that follow from them: the ICD-9 chapter of each
    diagnosis, and for each field that may be unrecorded whether it was recorded. Missing: the most frequent value.
    """
    numbers = [pl.col(name).cast(pl.Int64) for name in FEATURES if BY_NAME[name].whole_number]
    words = [
        pl.col(each.column).replace_strict(dict(each.numbers), default=None, return_dtype=pl.Int64).alias(each.name)
        for each in derived(TARGET)
    ]
    codes = [_places(rows[name], f"{name}_encoded") for name in CODES]
    chapters = [_places(_chapters(rows[name]), f"{name}_chapter") for name in DIAGNOSES]
    recorded = [
        pl.col(field.name).is_not_null().cast(pl.Int64).alias(f"{field.name}_recorded")
        for field in FIELDS
        if field.may_be_unrecorded
    ]
    made = rows.select(*numbers, *words, *codes, *chapters, *recorded).with_columns(
        pl.all().fill_null(pl.all().drop_nulls().mode().first()).fill_null(0)
    )
    if made.width != COLUMNS + 1:
        raise ValueError(f"{made.width - 1} columns are made for the original's model, not {COLUMNS}")
    return made.select([name for name in made.columns if name != OUTCOME] + [OUTCOME])


def _places(texts: pl.Series, name: str) -> pl.Series:
    known = {text: place for place, text in enumerate(sorted(texts.drop_nulls().unique()))}
    return pl.Series(name, [known.get(text) for text in texts], dtype=pl.Int64)


def _chapters(codes: pl.Series) -> pl.Series:
    return pl.Series([icd9_chapter(NOT_RECORDED if code is None else code) for code in codes])
