"""Reference predictions of a fitted model, stored with it: whatever code loads the model later must reproduce them.

A fitted model holds numbers; feature derivation is code (`core.features`, `core.feature_spec`). Without this check a
change there would silently change the predictions of existing versions.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from readmit.core.errors import VersionUnusable
from readmit.core.feature_spec import Value


@dataclass(frozen=True, slots=True)
class ParityCheck:
    """Synthetic encounters and their reference predictions.

    `questions`: a column for each of FEATURES; `answers`: the probability for each encounter.
    """

    questions: Mapping[str, Sequence[Value]]
    answers: tuple[float, ...]

    def verify(self, predictions: Sequence[float], tolerance: float) -> None:
        """Compare predictions with the reference. Raises VersionUnusable when one differs by more than `tolerance`."""
        differences = (abs(now - then) for now, then in zip(predictions, self.answers, strict=True))
        # Negated, so that NaN counts as too large.
        excessive = [difference for difference in differences if not difference <= tolerance]
        if excessive:
            raise VersionUnusable(
                f"predictions differ from those at fit time by up to {max(excessive):.3g}: the code has changed since"
            )

    def to_json(self) -> str:
        """Return the check as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "ParityCheck":
        """Read what `to_json` wrote. Raises KeyError, TypeError or ValueError when it is invalid."""
        document = json.loads(text)
        return cls({name: tuple(column) for name, column in document["questions"].items()}, tuple(document["answers"]))
