"""What a model said when it was fitted, kept beside it: loaded later, by whatever code, it must say so again.

A fitted model holds numbers; what is derived from a raw encounter stands in our code (`core.features`,
`core.feature_spec`). A change there would make an old version answer otherwise without a word.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from readmit.core.errors import VersionUnusable
from readmit.core.feature_spec import Value


@dataclass(frozen=True, slots=True)
class ParityCheck:
    """`questions`: made-up encounters, a column for each of FEATURES; `answers`: a probability for each."""

    questions: Mapping[str, Sequence[Value]]
    answers: tuple[float, ...]

    def verify(self, said: Sequence[float], close: float) -> None:
        """VersionUnusable: what is said now is further than `close` from what was said then."""
        # So that what is no number is not taken for close.
        apart = [abs(now - then) for now, then in zip(said, self.answers, strict=True) if not abs(now - then) <= close]
        if apart:
            raise VersionUnusable(
                f"it says other than when it was fitted, by up to {max(apart):.3g}: our code changed since"
            )

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "ParityCheck":
        """What `to_json` wrote. KeyError, TypeError or ValueError: it is not that."""
        read = json.loads(text)
        return cls({name: tuple(column) for name, column in read["questions"].items()}, tuple(read["answers"]))
