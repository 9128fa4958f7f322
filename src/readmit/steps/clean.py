"""Raw rows to clean Parquet in S3 and to the quarantine: raw = clean + quarantined + excluded."""

from readmit.core import cleaning
from readmit.core.errors import ContractViolated, PrerequisiteMissing
from readmit.io.database import ledger, rows
from readmit.io.object_store import Bucket, to_parquet
from readmit.pipeline import Facts
from readmit.settings import Settings


def run(batch: int, settings: Settings) -> Facts:
    """Clean the batch and return the counts. Raises ContractViolated when they do not add up."""
    raw = rows.raw_rows(batch)
    if raw.is_empty():
        raise PrerequisiteMissing(f"batch {batch} has no raw rows yet: run store_raw first")
    cleaned = cleaning.clean(raw, rows.known_encounters(batch, cleaning.encounter_numbers(raw)))
    if raw.height != cleaned.clean.height + cleaned.quarantined + cleaned.excluded:
        raise ContractViolated(f"batch {batch}: clean, quarantined and excluded do not add up to {raw.height} raw rows")
    bucket = Bucket("clean", *settings.s3_login)
    name = bucket.put_immutable(f"batch-{batch:04d}/", ".parquet", to_parquet(cleaned.clean))
    rows.replace_quarantine(batch, cleaned.faults)
    rows.replace_valid(batch, cleaned.valid)
    counts = {"clean": cleaned.clean.height, "quarantined": cleaned.quarantined, "excluded": cleaned.excluded}
    ledger.update_batch(batch, clean_object=name, **counts)
    return {"raw": raw.height, **counts, "object": name}
