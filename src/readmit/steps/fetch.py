"""Data API to S3 `raw/`: one batch as an immutable Parquet object, checked against what the source declares."""

from readmit.core.errors import ContractViolated
from readmit.io import source_client
from readmit.io.database import ledger
from readmit.io.object_store import Bucket, frame_of
from readmit.pipeline import Facts
from readmit.settings import Settings


def run(batch: int, settings: Settings) -> Facts:
    """`changed`: the batch came before, with other content; what was made of it is made anew by the steps to come."""
    fetched = source_client.fetch(settings.source_url, batch)
    rows = frame_of(fetched.content).height
    if rows != fetched.rows:
        raise ContractViolated(f"batch {batch} has {rows} rows, the source declares {fetched.rows}")
    before = ledger.sha256_of(batch)
    name = Bucket("raw", *settings.s3_login).put_immutable(f"batch-{batch:04d}/", ".parquet", fetched.content)
    ledger.update_batch(batch, rows=rows, sha256=fetched.sha256, raw_object=name)
    changed = before is not None and before != fetched.sha256
    return {"rows": rows, "sha256": fetched.sha256, "object": name, "changed": changed}
