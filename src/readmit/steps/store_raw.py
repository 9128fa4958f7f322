"""S3 `raw/` to `raw_data_db`: encounters as they came, all text, keyed by batch and position."""

from readmit.core.cleaning import as_they_came, strange_columns
from readmit.io.database import ledger, rows
from readmit.io.object_store import Bucket, frame_of
from readmit.pipeline import Facts
from readmit.settings import Settings


def run(batch: int, settings: Settings) -> Facts:
    """`strange_columns`: those that an encounter does not have; they stay in the raw object alone."""
    name = ledger.require_output(ledger.batch_row(batch), "raw_object")
    came = frame_of(Bucket("raw", *settings.s3_login).get_verified(name))
    encounters = as_they_came(came)
    rows.replace_raw(batch, encounters)
    return {"rows": encounters.height, "strange_columns": ", ".join(strange_columns(came))}
