"""A dataset as a model takes it: raw encounters, their labels and their patients, row by row together."""

from dataclasses import dataclass

import pandas as pd
import polars as pl

from readmit.core.coverage import Coverage
from readmit.core.encounter import FEATURES, OUTCOME, labels
from readmit.core.model import model_input
from readmit.core.snapshot import PATIENT_KEY


@dataclass(frozen=True, slots=True)
class Dataset:
    """`encounters`: a model input; `labels` and `patients`: of the same rows in the same order."""

    encounters: pd.DataFrame
    labels: list[int]
    patients: list[str]

    @property
    def coverage(self) -> Coverage:
        """What a model sees that learns from it."""
        return Coverage.of({name: self.encounters[name].tolist() for name in FEATURES})


def dataset(rows: pl.DataFrame, target: str) -> Dataset:
    """The dataset of some rows of a snapshot: a label is made from its own row, so that it can't slip to another."""
    return Dataset(
        encounters=model_input(rows.select(FEATURES).to_dict(as_series=False)),
        labels=labels(rows[OUTCOME], target),
        patients=rows[PATIENT_KEY].to_list(),
    )
