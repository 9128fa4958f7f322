"""Upload splits to S3 `datasets/`: a part per split of the batch, and an immutable snapshot of batches 1 to n."""

import polars as pl

from readmit.core.cleaning import rejection_reason
from readmit.core.errors import BatchRejected, PrerequisiteMissing
from readmit.core.snapshot import assemble, content_hash, pseudonymize
from readmit.core.snapshot_part import Part
from readmit.core.splitting import SPLIT, Split
from readmit.io.database import ledger, rows, set_aside_batches
from readmit.io.object_store import Bucket, to_parquet
from readmit.pipeline import Facts
from readmit.settings import Settings


def run(batch: int, settings: Settings) -> Facts:
    """Upload the batch and its snapshot.

    Raises BatchRejected when too much of the batch is in quarantine, and MissingBatches when an earlier one is not
    uploaded.
    """
    row = ledger.get_batch(batch)
    if reason := rejection_reason(row.rows or 0, row.quarantined or 0, rows.fault_counts(batch)):
        raise BatchRejected(f"batch {batch} is not used for training: {reason}")
    encounters = rows.clean_rows(batch)
    if encounters.height != row.clean:
        raise PrerequisiteMissing(
            f"batch {batch}: {encounters.height} of {row.clean} clean rows have a split; run split first"
        )
    bucket = Bucket("datasets", *settings.s3_login)
    secret = settings.secret("key_secret")
    parts = [_put(bucket, batch, split, encounters.filter(pl.col(SPLIT) == split), secret) for split in Split]
    ledger.replace_parts(batch, parts)
    snapshot = assemble(batch, ledger.parts_up_to(batch), set_aside_batches.numbers())
    name = bucket.put_immutable(f"snapshots/{batch:04d}-", ".json", snapshot.to_json())
    ledger.update_batch(batch, snapshot_object=name)
    return {"snapshot": snapshot.hash[:16], **{split.value: snapshot.rows(split) for split in Split}}


def _put(bucket: Bucket, batch: int, split: Split, encounters: pl.DataFrame, secret: str) -> Part:
    dataset = pseudonymize(encounters, secret)
    name = bucket.put_immutable(f"batch-{batch:04d}/{split}-", ".parquet", to_parquet(dataset))
    return Part(batch, split.value, dataset.height, content_hash(dataset), name)
