"""Datasets for fitting and evaluation: raw encounters with their labels and patients."""

from dataclasses import dataclass

import pandas as pd
import polars as pl

from readmit.core.coverage import Coverage
from readmit.core.encounter import FEATURES, OUTCOME, labels
from readmit.core.model import model_input
from readmit.core.snapshot import PATIENT_KEY


@dataclass(frozen=True, slots=True)
class Dataset:
    """A model input, with `labels` and `patients` of the same rows in the same order."""

    encounters: pd.DataFrame
    labels: list[int]
    patients: list[str]

    @property
    def coverage(self) -> Coverage:
        """Coverage of a model that is fitted on this dataset."""
        return Coverage.of({name: self.encounters[name].tolist() for name in FEATURES})


def dataset(rows: pl.DataFrame, target: str) -> Dataset:
    """Return the dataset of some rows of a snapshot, each label computed from its own row."""
    return Dataset(
        encounters=model_input(rows.select(FEATURES).to_dict(as_series=False)),
        labels=labels(rows[OUTCOME], target),
        patients=rows[PATIENT_KEY].to_list(),
    )
