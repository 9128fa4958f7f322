"""Datasets as they are kept: a part per batch and split, and a snapshot that lists the parts of batches 1 to n.

Outside raw and clean data the numbers of encounters and patients stand only as keys.
"""

import hashlib
import hmac
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass

import polars as pl

from readmit.core.encounter import ENCOUNTER, FEATURES, OUTCOME, PATIENT
from readmit.core.errors import MissingBatches
from readmit.core.parts import Part

ENCOUNTER_KEY, PATIENT_KEY = "encounter_key", "patient_key"
DATASET_COLUMNS = (ENCOUNTER_KEY, PATIENT_KEY, *FEATURES, OUTCOME)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a model of batch n may learn from and be judged on: the parts of batches 1 to n, in order."""

    batch: int
    parts: tuple[Part, ...]

    @property
    def hash(self) -> str:
        """SHA-256 over the content of all parts: equal data, equal hash."""
        return hashlib.sha256("".join(part.content for part in self.parts).encode()).hexdigest()

    def rows(self, split: str) -> int:
        return sum(part.rows for part in self.of(split))

    def of(self, *splits: str) -> list[Part]:
        """The parts of some splits, split by split in the order given."""
        return [part for split in splits for part in self.parts if part.split == split]

    def to_json(self) -> bytes:
        return json.dumps({"batch": self.batch, "hash": self.hash, "parts": [asdict(p) for p in self.parts]}).encode()

    @classmethod
    def from_json(cls, text: bytes) -> "Snapshot":
        read = json.loads(text)
        return cls(read["batch"], tuple(Part(**part) for part in read["parts"]))


def require_no_gap(batch: int, uploaded: Collection[int]) -> None:
    """GapInBatches: one of those before the batch is not uploaded."""
    _require(batch, range(1, batch), uploaded)


def _require(batch: int, wanted: Iterable[int], uploaded: Collection[int]) -> None:
    if missing := sorted(set(wanted) - set(uploaded)):
        raise MissingBatches(f"batch {batch} needs all before it; not uploaded yet: {', '.join(map(str, missing))}")


def assemble(batch: int, parts: Sequence[Part]) -> Snapshot:
    """The snapshot of batches 1 to `batch`. GapInBatches: one of them has no parts."""
    _require(batch, range(1, batch + 1), {part.batch for part in parts})
    wanted = (part for part in parts if part.batch <= batch)
    return Snapshot(batch, tuple(sorted(wanted, key=lambda part: (part.batch, part.split))))


def key(secret: str, number: int) -> str:
    """HMAC-SHA256 of an encounter's or patient's number under the stack's secret, 64 hex digits."""
    return hmac.new(secret.encode(), str(number).encode(), hashlib.sha256).hexdigest()


def keyed(encounters: pl.DataFrame, secret: str) -> pl.DataFrame:
    """DATASET_COLUMNS of clean encounters, in the order of their numbers.

    So equal data are equal bytes, and what a model learns does not depend on the secret, as it would were they
    ordered by their keys.
    """
    pairs = ((ENCOUNTER_KEY, ENCOUNTER), (PATIENT_KEY, PATIENT))
    encounters = encounters.sort(ENCOUNTER)
    made = (pl.Series(name, [key(secret, number) for number in encounters[column]]) for name, column in pairs)
    return encounters.with_columns(made).select(DATASET_COLUMNS)


def content_hash(dataset: pl.DataFrame) -> str:
    """SHA-256 of the rows as CSV: the data, not how some version of Parquet writes them."""
    return hashlib.sha256(dataset.write_csv().encode()).hexdigest()
