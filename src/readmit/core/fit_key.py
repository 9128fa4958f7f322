"""What identifies a fit: equal keys, equal models, so that a repeated step finds what it made before."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from readmit.core.model import Candidate

SEED = 130
FIT_TAG = "fit"


@dataclass(frozen=True, slots=True)
class Objective:
    """What a model is to foretell, and the probability from which a follow-up is worth its cost."""

    target: str
    threshold: float


@dataclass(frozen=True, slots=True)
class DataSource:
    """A snapshot by its hash and last batch, and the revision of the code that reads it."""

    snapshot: str
    batch: int
    code: str


@dataclass(frozen=True, slots=True)
class FitKey:
    """`rows`: splits that are fitted on; `settings`: the candidate's, as logged; `code`: revision of our sources."""

    snapshot: str
    batch: int
    code: str
    candidate: str
    settings: Mapping[str, str | int | float | bool]
    target: str
    threshold: float
    rows: tuple[str, ...]
    seed: int = SEED

    @property
    def digest(self) -> str:
        """64 hex digits over all of it."""
        text = json.dumps({**self.tags_without_digest, "settings": dict(self.settings)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def tags_without_digest(self) -> dict[str, str]:
        return {
            "snapshot": self.snapshot,
            "batch": str(self.batch),
            "code": self.code,
            "candidate": self.candidate,
            "target": self.target,
            "threshold": repr(self.threshold),
            "rows": "+".join(self.rows),
            "seed": str(self.seed),
        }

    @property
    def tags(self) -> dict[str, str]:
        """How a run or a version says what it was made from."""
        return {**self.tags_without_digest, FIT_TAG: self.digest}


def fit_key(candidate: Candidate, source: DataSource, aim: Objective, rows: tuple[str, ...]) -> FitKey:
    """The key of a candidate's fit on some splits of a snapshot."""
    return FitKey(
        snapshot=source.snapshot,
        batch=source.batch,
        code=source.code,
        candidate=candidate.name,
        settings=candidate.settings,
        target=aim.target,
        threshold=aim.threshold,
        rows=rows,
    )
