"""Assign clean rows to train, validation and test, by patient: stable as data grows."""

from readmit.core.encounter import ENCOUNTER
from readmit.core.errors import PrerequisiteMissing
from readmit.core.splitting import SPLIT, Split, with_split
from readmit.io.database import ledger, rows
from readmit.pipeline import Facts
from readmit.settings import Settings


def run(batch: int, settings: Settings) -> Facts:  # noqa: ARG001 - all steps have the same parameters
    """Store the split of every encounter of the batch, and return the rows of each split."""
    patients, expected = rows.patients(batch), ledger.require_output(ledger.get_batch(batch), "clean")
    if patients.height != int(expected):
        raise PrerequisiteMissing(
            f"batch {batch}: {patients.height} of {expected} clean rows are stored; run store_clean first"
        )
    splits = with_split(patients).select(ENCOUNTER, SPLIT)
    rows.replace_splits(batch, splits)
    return {split.value: splits.filter(splits[SPLIT] == split.value).height for split in Split}
