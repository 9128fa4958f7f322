"""Clean rows to train, validation and test, by patient: stable as data grows."""

from readmit.core.encounter import ENCOUNTER
from readmit.core.errors import PrerequisiteMissing
from readmit.core.splitting import SPLIT, Split, with_split
from readmit.io.database import ledger, rows
from readmit.pipeline import Facts
from readmit.settings import Settings


def run(batch: int, settings: Settings) -> Facts:  # noqa: ARG001 - every step takes the same two
    patients, wanted = rows.patients(batch), ledger.require_output(ledger.batch_row(batch), "clean")
    if patients.height != int(wanted):
        raise PrerequisiteMissing(
            f"batch {batch}: {patients.height} of {wanted} clean rows are stored; run store_clean first"
        )
    splits = with_split(patients).select(ENCOUNTER, SPLIT)
    rows.replace_splits(batch, splits)
    return {split.value: splits.filter(splits[SPLIT] == split.value).height for split in Split}
