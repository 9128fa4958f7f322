"""Datasets for fitting and evaluation: raw encounters with their labels and patients."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import polars as pl

from readmit.core.coverage import Coverage, field_coverage
from readmit.core.encounter import BY_NAME, FEATURES, OUTCOME, labels
from readmit.core.metrics import Ints
from readmit.core.snapshot import PATIENT_KEY


@dataclass(frozen=True, slots=True)
class Dataset:
    """A model input, with `labels` and `patients` of the same rows in the same order.

    `patients`: shape (rows,), a number for each patient. At most 400 bytes per encounter: equal texts are one object.
    """

    encounters: pd.DataFrame
    labels: list[int]
    patients: Ints

    @property
    def coverage(self) -> Coverage:
        """Coverage of a model that is fitted on this dataset."""
        fields = {name: field_coverage(name, self.encounters[name].tolist()) for name in FEATURES}
        return Coverage(len(self.encounters), fields)


def _concat(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Return the rows of parts, without what a dataset does not need, and with categories in place of texts."""
    texts = [name for name in (*FEATURES, OUTCOME) if not BY_NAME[name].whole_number]
    return pl.concat(
        part.select(PATIENT_KEY, *FEATURES, OUTCOME).with_columns(pl.col(texts).cast(pl.Categorical)) for part in parts
    )


def dataset(parts: Iterable[pl.DataFrame], target: str) -> Dataset:
    """Return the dataset of some parts of a snapshot, in order, each label computed from its own row.

    The parts are read one by one: as text they take several times the memory.
    """
    rows = _concat(parts)
    return Dataset(
        encounters=pd.DataFrame({name: _column(rows[name]) for name in FEATURES}, copy=False),
        labels=labels(rows[OUTCOME], target),
        patients=rows[PATIENT_KEY].rank("dense").to_numpy(),
    )


def _column(values: pl.Series) -> pd.Series:
    """Return a column of a model input, as `model_input` does."""
    if BY_NAME[values.name].whole_number:
        return pd.Series(values.cast(pl.Float64).to_numpy(), dtype=np.float64)
    categories = values.cast(pl.Categorical)
    present = categories.drop_nulls().unique()
    codes, present_codes = (series.to_physical().cast(pl.Int64) for series in (categories, present))
    # A null has the last index, of None.
    texts = np.empty(max(present_codes.to_list(), default=0) + 2, dtype=np.object_)
    texts[present_codes.to_numpy()] = present.to_list()
    return pd.Series(texts[codes.fill_null(-1).to_numpy()], dtype=object)
