"""Data API to S3 `raw/`: one batch as an immutable Parquet object, checked against what the source declares."""

from readmit import source_access
from readmit.core.errors import ContractViolated
from readmit.io import source_client
from readmit.io.database import ledger
from readmit.io.object_store import Bucket, from_parquet
from readmit.pipeline import Facts
from readmit.settings import Settings


def run(batch: int, settings: Settings) -> Facts:
    """Fetch the batch and store it. `changed`: it was fetched before with other content; later steps replace the old.

    Raises ContractViolated when the number of rows is not the declared one, SourceUnavailable when the source has
    stopped meanwhile: another day takes the batch.
    """
    fetched = source_client.fetch_batch(source_access.current_endpoint(settings), batch)
    rows = from_parquet(fetched.content).height
    if rows != fetched.rows:
        raise ContractViolated(f"batch {batch} has {rows} rows, but the source declares {fetched.rows}")
    before = ledger.get_sha256(batch)
    name = Bucket("raw", *settings.s3_login).put_immutable(f"batch-{batch:04d}/", ".parquet", fetched.content)
    ledger.update_batch(batch, rows=rows, sha256=fetched.sha256, raw_object=name)
    changed = before is not None and before != fetched.sha256
    return {"rows": rows, "sha256": fetched.sha256, "object": name, "changed": changed}
