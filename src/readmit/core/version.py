"""A version of the model: what it was made from, what it is for, and how it was judged."""

from collections.abc import Mapping
from dataclasses import dataclass, field

MODEL = "readmit"
"""The one registered model."""
PRODUCTION, CHALLENGER = "production", "challenger"


@dataclass(frozen=True, slots=True)
class Version:
    """A registered version. `threshold`: the probability from which a follow-up is worth its cost.

    `figures`: metrics on the test split by name, empty until `promote` has judged it.
    """

    number: str
    candidate: str
    target: str
    threshold: float
    batch: int
    snapshot: str
    code: str
    run_id: str
    figures: Mapping[str, float] = field(default_factory=dict)
