"""Copy clean Parquet to `clean_data_db`."""

from readmit.io.database import ledger, rows
from readmit.io.object_store import Bucket
from readmit.pipeline import Facts
from readmit.settings import Settings


def run(batch: int, settings: Settings) -> Facts:
    """Replace the clean rows of the batch."""
    name = ledger.require_output(ledger.get_batch(batch), "clean_object")
    encounters = Bucket("clean", *settings.s3_login).read_parquet([name])
    rows.replace_clean(batch, encounters)
    return {"rows": encounters.height}
