"""Copy S3 `raw/` to `raw_data_db`: unchanged encounters, all text, keyed by batch and position."""

from readmit.core.cleaning import to_text_columns, unknown_columns
from readmit.io.database import ledger, rows
from readmit.io.object_store import Bucket, from_parquet
from readmit.pipeline import Facts
from readmit.settings import Settings


def run(batch: int, settings: Settings) -> Facts:
    """Replace the raw rows of the batch. Fact `strange_columns`: unknown columns, which stay in the raw object only."""
    name = ledger.require_output(ledger.get_batch(batch), "raw_object")
    raw = from_parquet(Bucket("raw", *settings.s3_login).get_verified(name))
    encounters = to_text_columns(raw)
    rows.replace_raw(batch, encounters)
    return {"rows": encounters.height, "strange_columns": ", ".join(unknown_columns(raw))}
