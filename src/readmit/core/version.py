"""A version of the model: what it was made from, what it is for, and how it was judged."""

from collections.abc import Mapping
from dataclasses import dataclass, field

MODEL = "readmit"
"""The one registered model."""
PRODUCTION, CHALLENGER = "production", "challenger"
FIGURE = "test."
"""What the name of a figure on the test split begins with among the tags of a version."""
SCORER_FILE, SCORER_TAG = "scorer.json", "scorer"
"""The compiled model, a file of the run that a version was made from; the tag holds the SHA-256 of its bytes."""


@dataclass(frozen=True, slots=True)
class Version:
    """A registered version. `threshold`: the probability from which a follow-up is worth its cost.

    `figures`: metrics on the test split by name, empty until `promote` has judged it.
    `scorer`: SHA-256 of its SCORER_FILE, 64 hex digits; empty: it was made before versions had one.
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
    scorer: str = ""

    @classmethod
    def of(cls, number: str, run_id: str, tags: Mapping[str, str]) -> "Version":
        """The version that a registry's tags tell of. KeyError or ValueError: they tell of none of ours."""
        return cls(
            number=number,
            candidate=tags["candidate"],
            target=tags["target"],
            threshold=float(tags["threshold"]),
            batch=int(tags["batch"]),
            snapshot=tags["snapshot"],
            code=tags["code"],
            run_id=run_id,
            figures={name.removeprefix(FIGURE): float(text) for name, text in tags.items() if name.startswith(FIGURE)},
            scorer=tags.get(SCORER_TAG, ""),
        )
