"""A registered version of the model: its inputs, its target and its evaluation."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

MODEL = "readmit"
"""The one registered model."""
PRODUCTION, CHALLENGER = "production", "challenger"
METRIC_TAG_PREFIX = "test."
"""Prefix of the tags that hold a version's metrics on the test split."""
SCORER_FILE, SCORER_TAG = "scorer.json", "scorer"
"""The compiled model, an artifact of the version's run; the tag holds its SHA-256."""
MODEL_FILE, MODEL_FILE_TAG = "model.skops", "model_file"
"""The fitted model, in MLflow's model folder; the tag holds its SHA-256."""
PROMOTE_STEP = "promote"
"""The author of the notes that the step `promote` writes; that of a rollback is a person."""
PROMOTED_TAG, ROLLED_BACK_TAG = "in_production", "rolled_back"
"""Tags with the notes of a version's last promotion to production and of the last rollback from it."""
EVALUATION_FILE, EVALUATION_TAG = "evaluation.json", "evaluation"
"""The evaluation on the test split, an artifact of the version's run; the tag holds its SHA-256."""
COMPARABLE_TAG = "comparable_roc_auc"
"""Tag with the ROC-AUC on the encounters that all versions are compared on."""


@dataclass(frozen=True, slots=True)
class Note:
    """An audit note. `at`: UTC, ISO 8601 with six digits of microseconds, so that it sorts as text."""

    at: str
    by: str
    why: str

    def to_json(self) -> str:
        """Return the note as JSON: one tag, so that it is written atomically."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Note":
        """Read what `to_json` wrote. Raises KeyError, TypeError or ValueError when it is invalid."""
        document = json.loads(text)
        return cls(str(document["at"]), str(document["by"]), str(document["why"]))


@dataclass(frozen=True, slots=True)
class Version:
    """A registered version. `threshold`: the probability from which a follow-up is worth its cost.

    `figures`: metrics on the test split by name, empty until `promote` has evaluated it.
    `scorer`: SHA-256 of its SCORER_FILE, 64 hex digits; empty for versions registered before there was one.
    `model_file`: SHA-256 of its MODEL_FILE; empty for versions registered before there was one.
    `promoted_note`: its last promotion to production; None if there was none, or before promotions were recorded.
    `rolled_back_note`: the last rollback from it; None if there was none.
    `evaluation`: SHA-256 of its EVALUATION_FILE; empty when it has none, as versions of older releases do.
    `comparable_roc_auc`: on batch 1 of the test split, for comparisons; None when it is undefined.
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
    evaluation: str = ""
    comparable_roc_auc: float | None = None

    @property
    def rolled_back(self) -> bool:
        """Whether it was rolled back since its last promotion to production."""
        return self.rolled_back_note is not None and (
            self.promoted_note is None or self.rolled_back_note.at >= self.promoted_note.at
        )

    @classmethod
    def of(cls, number: str, run_id: str, tags: Mapping[str, str]) -> "Version":
        """Parse a version from its registry tags. Raises KeyError, TypeError or ValueError when they are invalid."""
        return cls(
            number=number,
            candidate=tags["candidate"],
            target=tags["target"],
            threshold=float(tags["threshold"]),
            batch=int(tags["batch"]),
            snapshot=tags["snapshot"],
            code=tags["code"],
            run_id=run_id,
            figures={
                name.removeprefix(METRIC_TAG_PREFIX): float(text)
                for name, text in tags.items()
                if name.startswith(METRIC_TAG_PREFIX)
            },
            scorer=tags.get(SCORER_TAG, ""),
            promoted_note=_note(tags.get(PROMOTED_TAG)),
            rolled_back_note=_note(tags.get(ROLLED_BACK_TAG)),
            model_file=tags.get(MODEL_FILE_TAG, ""),
            evaluation=tags.get(EVALUATION_TAG, ""),
            comparable_roc_auc=float(tags[COMPARABLE_TAG]) if COMPARABLE_TAG in tags else None,
        )


def _note(text: str | None) -> Note | None:
    return None if text is None else Note.from_json(text)
