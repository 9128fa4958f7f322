"""`readmit prune`: remove stored objects that no batch, snapshot, version or run in use refers to.

Every version keeps its model, because a rollback may name any of them, and every run its figures and plots.
"""

import time
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from readmit.core.errors import LeaseLost
from readmit.core.snapshot import Snapshot
from readmit.io.database import leases, ledger
from readmit.io.object_store import Bucket
from readmit.io.registry.compared_models import ComparedModels
from readmit.io.registry.model_versions import Registry
from readmit.pipeline import LEASE_SECONDS
from readmit.settings import Settings

PART_PREFIX, SNAPSHOT_PREFIX = "batch-", "snapshots/"
KEPT = (
    "Kept: what the ledger has of each batch, the snapshots of all batches and versions, the days' reports, the models "
    "of all versions, and the figures of all runs."
)


@dataclass(frozen=True, slots=True)
class Unused:
    """Unused objects of one bucket. `sizes`: bytes by name; `of`: how many objects were looked at."""

    bucket: Bucket
    name: str
    sizes: Mapping[str, int]
    of: int

    @property
    def line(self) -> str:
        """A line for the report."""
        return f"{self.name}: {len(self.sizes):,} of {self.of:,} objects, {sum(self.sizes.values()) / 1e6:,.1f} MB"


def prune(delete: bool, settings: Settings) -> Iterator[str]:
    """Yield a report on what is unused as lines. With `delete` it is removed, while no run can work on a batch.

    Raises LeaseLost when a run works on one.
    """
    models = ComparedModels(settings.mlflow_tracking_uri)
    if not delete:
        yield "Used by no batch, snapshot or version:"
        yield from (unused.line for unused in find_unused(settings, models))
        yield from (KEPT, "Nothing was removed: `just ops::prune --yes` removes these objects.")
        return
    with _every_batch_leased():
        yield "Removed:"
        for unused in find_unused(settings, models):
            for name in unused.sizes:
                unused.bucket.remove(name)
            yield unused.line
        models.remove()
    yield KEPT


def find_unused(settings: Settings, models: ComparedModels) -> Iterator[Unused]:
    """Yield the unused objects of each bucket."""
    batches = ledger.list_batches()
    for name, used in (
        ("raw", {row.raw_object for row in batches}),
        ("clean", {row.clean_object for row in batches}),
    ):
        bucket = Bucket(name, *settings.s3_login)
        yield _unused(bucket, name, bucket.sizes(PART_PREFIX), used)
    datasets = Bucket("datasets", *settings.s3_login)
    sizes = datasets.sizes(PART_PREFIX) | datasets.sizes(SNAPSHOT_PREFIX)
    hashes = {version.snapshot for version in Registry(settings.mlflow_tracking_uri).versions()}
    yield _unused(datasets, "datasets", sizes, _used_datasets(datasets, hashes))
    artifacts = Bucket("mlflow", *settings.s3_login)
    sizes = {name: size for prefix in models.prefixes() for name, size in artifacts.sizes(prefix).items()}
    yield _unused(artifacts, "mlflow", sizes, ())


def _unused(bucket: Bucket, name: str, sizes: Mapping[str, int], used: Collection[object]) -> Unused:
    return Unused(bucket, name, {item: size for item, size in sizes.items() if item not in used}, len(sizes))


def _used_datasets(bucket: Bucket, hashes: Collection[str]) -> set[str]:
    """Return the snapshots of the ledger and those with one of the hashes, and all parts of both and of the ledger."""
    batches = ledger.list_batches()
    of_ledger = {row.snapshot_object for row in batches if row.snapshot_object is not None}
    used = {part.object_name for part in ledger.parts_up_to(max((row.batch for row in batches), default=0))}
    for name in bucket.names(SNAPSHOT_PREFIX):
        snapshot = Snapshot.from_json(bucket.get_verified(name))
        if name in of_ledger or snapshot.hash in hashes:
            used |= {name, *(part.object_name for part in snapshot.parts)}
    return used


@contextmanager
def _every_batch_leased() -> Iterator[None]:
    """Hold the leases of all batches. Raises LeaseLost when a run holds one."""
    run_id, held = f"prune {uuid.uuid4().hex}", []
    try:
        for row in ledger.list_batches():
            if not leases.acquire(row.batch, run_id, time.time(), LEASE_SECONDS):
                raise LeaseLost(f"a run works on batch {row.batch}: wait until it has ended")
            held.append(row.batch)
        yield
    finally:
        for batch in held:
            leases.release(batch, run_id)
