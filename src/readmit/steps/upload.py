"""The splits of batches 1 to n to S3 `datasets/`: one part per batch and split, one immutable snapshot per batch."""

import polars as pl

from readmit.core.cleaning import too_damaged
from readmit.core.errors import BatchRejected, PrerequisiteMissing
from readmit.core.parts import Part
from readmit.core.snapshot import assemble, content_hash, keyed
from readmit.core.splitting import SPLIT, Split
from readmit.io.database import ledger, rows
from readmit.io.object_store import Bucket, parquet_of
from readmit.pipeline import Facts
from readmit.settings import Settings


def run(batch: int, settings: Settings) -> Facts:
    """BatchRefused: too much of the batch is in quarantine. GapInBatches: an earlier batch is not uploaded."""
    row = ledger.batch_row(batch)
    if reason := too_damaged(row.rows or 0, row.quarantined or 0, rows.fault_counts(batch)):
        raise BatchRejected(f"batch {batch} is not learnt from: {reason}")
    encounters = rows.clean_rows(batch)
    if encounters.height != row.clean:
        raise PrerequisiteMissing(
            f"batch {batch}: {encounters.height} of {row.clean} clean rows have a split; run split first"
        )
    bucket = Bucket("datasets", *settings.s3_login)
    secret = settings.secret("key_secret")
    parts = [_put(bucket, batch, split, encounters.filter(pl.col(SPLIT) == split), secret) for split in Split]
    ledger.replace_parts(batch, parts)
    snapshot = assemble(batch, ledger.parts_until(batch))
    name = bucket.put_immutable(f"snapshots/{batch:04d}-", ".json", snapshot.to_json())
    ledger.update_batch(batch, snapshot_object=name)
    return {"snapshot": snapshot.hash[:16], **{split.value: snapshot.rows(split) for split in Split}}


def _put(bucket: Bucket, batch: int, split: Split, encounters: pl.DataFrame, secret: str) -> Part:
    dataset = keyed(encounters, secret)
    name = bucket.put_immutable(f"batch-{batch:04d}/{split}-", ".parquet", parquet_of(dataset))
    return Part(batch, split.value, dataset.height, content_hash(dataset), name)
