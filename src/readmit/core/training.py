"""What identifies a fit: equal keys, equal models, so that a repeated step finds what it made before."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

SEED = 130


@dataclass(frozen=True, slots=True)
class FitKey:
    """`rows`: the splits that are fitted on. `settings`: the candidate's, as logged."""

    snapshot: str
    code: str
    candidate: str
    settings: Mapping[str, str | int | float | bool]
    target: str
    rows: str
    seed: int = SEED

    @property
    def digest(self) -> str:
        """64 hex digits over all of it."""
        parts = (self.snapshot, self.code, self.candidate, dict(self.settings), self.target, self.rows, self.seed)
        text = json.dumps(parts, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
