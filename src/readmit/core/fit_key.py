"""Keys of fits: equal keys give equal models, so that a repeated step reuses an earlier fit."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from readmit.core.model import Candidate

SEED = 130
FIT_TAG = "fit"


@dataclass(frozen=True, slots=True)
class Objective:
    """The prediction target, and the probability from which a follow-up is worth its cost."""

    target: str
    threshold: float


@dataclass(frozen=True, slots=True)
class DataSource:
    """A snapshot, by its hash and last batch, and the revision of the code that reads it."""

    snapshot: str
    batch: int
    code: str


@dataclass(frozen=True, slots=True)
class FitKey:
    """All inputs of a fit. `rows`: splits fitted on; `settings`: the candidate's; `code`: revision of the code."""

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
        """SHA-256 of all fields, 64 hex digits."""
        text = json.dumps({**self.tags_without_digest, "settings": dict(self.settings)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def tags_without_digest(self) -> dict[str, str]:
        """The fields as MLflow tags, without the settings."""
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
        """MLflow tags that record a run's or version's inputs."""
        return {**self.tags_without_digest, FIT_TAG: self.digest}


def fit_key(candidate: Candidate, source: DataSource, objective: Objective, rows: tuple[str, ...]) -> FitKey:
    """Return the key of a candidate's fit. `rows`: the splits of the snapshot to fit on."""
    return FitKey(
        snapshot=source.snapshot,
        batch=source.batch,
        code=source.code,
        candidate=candidate.name,
        settings=candidate.settings,
        target=objective.target,
        threshold=objective.threshold,
        rows=rows,
    )
