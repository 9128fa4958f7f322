"""Train, validation, test: 70/15/15 by patient, decided by the patient's number alone.

So a patient stays in one split for ever, whatever else arrives.
"""

import hashlib
from enum import StrEnum

import polars as pl

from readmit.core.encounter import PATIENT

SPLIT = "split"


class Split(StrEnum):
    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


FOR_CHOOSING = (Split.TRAIN.value,)
"""What candidates are fitted on; validation chooses among them."""
FOR_SERVING = (Split.TRAIN.value, Split.VALIDATION.value)
"""What the winner is refitted on; test judges it."""


def split_of(patient: int) -> Split:
    """The split of a patient. The salt `readmit:` never changes: another one would mix test into train."""
    digest = hashlib.sha256(f"readmit:{patient}".encode()).hexdigest()
    u = int(digest[:8], 16) / 16**8
    if u < 0.70:
        return Split.TRAIN
    return Split.VALIDATION if u < 0.85 else Split.TEST


def with_split(encounters: pl.DataFrame) -> pl.DataFrame:
    """The frame with a column `split`, from its column of patient numbers."""
    patients = encounters[PATIENT].unique().to_list()
    splits = pl.DataFrame(
        {PATIENT: patients, SPLIT: [split_of(patient) for patient in patients]},
        schema={PATIENT: pl.Int64, SPLIT: pl.String},
    )
    return encounters.join(splits, on=PATIENT, how="left", maintain_order="left")
