"""Stored datasets: a part per batch and split, and a snapshot that lists the parts of batches 1 to n.

Outside the raw and clean data the IDs of encounters and patients are replaced by keyed hashes.
"""

import hashlib
import hmac
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass

import polars as pl

from readmit.core.encounter import ENCOUNTER, FEATURES, OUTCOME, PATIENT
from readmit.core.errors import MissingBatches
from readmit.core.snapshot_part import Part

ENCOUNTER_KEY, PATIENT_KEY = "encounter_key", "patient_key"
DATASET_COLUMNS = (ENCOUNTER_KEY, PATIENT_KEY, *FEATURES, OUTCOME)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The data for fitting and evaluating a model of batch n: the parts of batches 1 to n, in order.

    `set_aside`: those of the batches that an operator has set aside, and that therefore have no parts.
    """

    batch: int
    parts: tuple[Part, ...]
    set_aside: tuple[int, ...] = ()

    @property
    def hash(self) -> str:
        """SHA-256 over the content hashes of all parts: equal data have equal hashes."""
        return hashlib.sha256("".join(part.content for part in self.parts).encode()).hexdigest()

    def rows(self, split: str) -> int:
        """Return the number of rows of a split."""
        return sum(part.rows for part in self.of(split))

    def of(self, *splits: str) -> list[Part]:
        """Return the parts of some splits, split by split in the order given."""
        return [part for split in splits for part in self.parts if part.split == split]

    def to_json(self) -> bytes:
        """Return the snapshot as JSON, with its hash."""
        document = {"batch": self.batch, "hash": self.hash, "parts": [asdict(part) for part in self.parts]}
        # Without such a batch the bytes, and so the name of the object, are those of earlier releases.
        return json.dumps(document | ({"set_aside": self.set_aside} if self.set_aside else {})).encode()

    @classmethod
    def from_json(cls, text: bytes) -> "Snapshot":
        """Read what `to_json` wrote."""
        document = json.loads(text)
        parts = tuple(Part(**part) for part in document["parts"])
        return cls(document["batch"], parts, tuple(document.get("set_aside", ())))


def require_no_gap(batch: int, present: Collection[int]) -> None:
    """Check that all batches before this one are uploaded or set aside (`present`). Raises MissingBatches otherwise."""
    _require_batches(batch, range(1, batch), present)


def _require_batches(batch: int, required: Iterable[int], present: Collection[int]) -> None:
    if missing := sorted(set(required) - set(present)):
        raise MissingBatches(
            f"batch {batch} requires all earlier batches; not uploaded yet: {', '.join(map(str, missing))}"
        )


def assemble(batch: int, parts: Sequence[Part], set_aside: Collection[int] = ()) -> Snapshot:
    """Return the snapshot of batches 1 to `batch`, in which those that are set aside count as empty.

    Raises MissingBatches when another one has no parts.
    """
    _require_batches(batch, range(1, batch + 1), {part.batch for part in parts} | set(set_aside))
    included = [part for part in parts if part.batch <= batch and part.batch not in set_aside]
    empty = tuple(sorted(number for number in set_aside if number <= batch))
    return Snapshot(batch, tuple(sorted(included, key=lambda part: (part.batch, part.split))), empty)


def hash_id(secret: str, number: int) -> str:
    """Return the HMAC-SHA256 of an encounter's or patient's ID under the stack's secret, 64 hex digits."""
    return hmac.new(secret.encode(), str(number).encode(), hashlib.sha256).hexdigest()


def pseudonymize(encounters: pl.DataFrame, secret: str) -> pl.DataFrame:
    """Return DATASET_COLUMNS of clean encounters, their IDs hashed, in the order of their IDs.

    So equal data are equal bytes, and a model does not depend on the secret, as it would if rows were ordered by hash.
    """
    pairs = ((ENCOUNTER_KEY, ENCOUNTER), (PATIENT_KEY, PATIENT))
    encounters = encounters.sort(ENCOUNTER)
    hashes = (pl.Series(name, [hash_id(secret, number) for number in encounters[column]]) for name, column in pairs)
    return encounters.with_columns(hashes).select(DATASET_COLUMNS)


def content_hash(dataset: pl.DataFrame) -> str:
    """Return the SHA-256 of the rows as CSV, which does not depend on the version of the Parquet writer."""
    return hashlib.sha256(dataset.write_csv().encode()).hexdigest()
