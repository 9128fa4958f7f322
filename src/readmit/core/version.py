"""A version of the model: what it was made from, what it is for, and how it was judged."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

MODEL = "readmit"
"""The one registered model."""
PRODUCTION, CHALLENGER = "production", "challenger"
FIGURE = "test."
"""What the name of a figure on the test split begins with among the tags of a version."""
SCORER_FILE, SCORER_TAG = "scorer.json", "scorer"
"""The compiled model, a file of the run that a version was made from; the tag holds the SHA-256 of its bytes."""
MODEL_FILE, MODEL_FILE_TAG = "model.skops", "model_file"
"""The fitted model, in MLflow's folder for it; the tag holds the SHA-256 of its bytes."""
PLACED_TAG, ROLLED_BACK_TAG = "in_production", "rolled_back"
"""When, by whom and why a version went into production last, and when a person rolled back from it last."""


@dataclass(frozen=True, slots=True)
class Note:
    """Who did something and why. `at`: UTC, ISO 8601 with all six digits of the microseconds, so that it sorts."""

    at: str
    by: str
    why: str

    def to_json(self) -> str:
        """One text: it is written whole or not at all."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Note":
        """KeyError, TypeError or ValueError: it is no note."""
        read = json.loads(text)
        return cls(str(read["at"]), str(read["by"]), str(read["why"]))


@dataclass(frozen=True, slots=True)
class Version:
    """A registered version. `threshold`: the probability from which a follow-up is worth its cost.

    `figures`: metrics on the test split by name, empty until `promote` has judged it.
    `scorer`: SHA-256 of its SCORER_FILE, 64 hex digits; empty: it was made before versions had one.
    `model_file`: SHA-256 of its MODEL_FILE; empty: it was made before versions had one.
    `promoted_note`: when it went into production last; none if it never did, or before that was noted.
    `rolled_back_note`: when a person rolled back from it last; none if nobody did.
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
    promoted_note: Note | None = None
    rolled_back_note: Note | None = None
    model_file: str = ""

    @property
    def rolled_back(self) -> bool:
        """Whether a person rolled back from it since it went into production last."""
        return self.rolled_back_note is not None and (
            self.promoted_note is None or self.rolled_back_note.at >= self.promoted_note.at
        )

    @classmethod
    def of(cls, number: str, run_id: str, tags: Mapping[str, str]) -> "Version":
        """The version that a registry's tags tell of. KeyError, TypeError or ValueError: they tell of none of ours."""
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
            promoted_note=_note(tags.get(PLACED_TAG)),
            rolled_back_note=_note(tags.get(ROLLED_BACK_TAG)),
            model_file=tags.get(MODEL_FILE_TAG, ""),
        )


def _note(text: str | None) -> Note | None:
    return None if text is None else Note.from_json(text)
