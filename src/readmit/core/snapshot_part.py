"""Parts of a snapshot."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """One split of one batch. `content`: SHA-256 of its rows; `object_name`: its object in the bucket `datasets`."""

    batch: int
    split: str
    rows: int
    content: str
    object_name: str
