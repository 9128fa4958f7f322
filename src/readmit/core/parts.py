"""The parts that snapshots are made of."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """One split of one batch. `content`: hash of its rows; `object_name`: in the bucket `datasets`."""

    batch: int
    split: str
    rows: int
    content: str
    object_name: str
