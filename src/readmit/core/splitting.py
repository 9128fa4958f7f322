"""Train, validation and test splits: 70/15/15 by patient, from a hash of the patient's ID.

So a patient stays in the same split whatever data arrive later.
"""

import hashlib
from enum import StrEnum

import polars as pl

from readmit.core.encounter import PATIENT

SPLIT = "split"


class Split(StrEnum):
    """The split of a patient."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


SELECTION_SPLITS = (Split.TRAIN.value,)
"""Splits that candidates are fitted on; validation selects among them."""
REFIT_SPLITS = (Split.TRAIN.value, Split.VALIDATION.value)
"""Splits that the selected candidate is refitted on; test evaluates it."""


def split_of(patient: int) -> Split:
    """Return the split of a patient. The salt `readmit:` must never change: it would move test patients to train."""
    digest = hashlib.sha256(f"readmit:{patient}".encode()).hexdigest()
    u = int(digest[:8], 16) / 16**8
    if u < 0.70:
        return Split.TRAIN
    return Split.VALIDATION if u < 0.85 else Split.TEST


def with_split(encounters: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with a column `split`, from its column of patient IDs."""
    patients = encounters[PATIENT].unique().to_list()
    splits = pl.DataFrame(
        {PATIENT: patients, SPLIT: [split_of(patient) for patient in patients]},
        schema={PATIENT: pl.Int64, SPLIT: pl.String},
    )
    return encounters.join(splits, on=PATIENT, how="left", maintain_order="left")
