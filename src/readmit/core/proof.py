"""What a model said when it was fitted, kept beside it: loaded later, by whatever code, it must say so again.

A fitted model holds numbers; what is derived from a raw encounter stands in our code (`core.features`). A change
there would make an old version answer otherwise without a word.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from sklearn.pipeline import Pipeline

from readmit.core.coverage import Coverage, Seen
from readmit.core.encounter import BY_NAME, FEATURES
from readmit.core.model import model_input, probabilities
from readmit.core.refusal import VersionUnusable
from readmit.core.training import SEED

QUESTIONS = 100
CLOSE = 1e-9
"""Another build of numpy may differ in the last digits; another meaning of a field differs in the first."""

Value = str | int | None


@dataclass(frozen=True, slots=True)
class Proof:
    """`questions`: made-up encounters, a column for each of FEATURES; `answers`: a probability for each."""

    questions: Mapping[str, Sequence[Value]]
    answers: tuple[float, ...]

    @classmethod
    def of(cls, model: Pipeline, coverage: Coverage) -> "Proof":
        """Asks a model about encounters put together from what it learnt from; nobody's own encounter is among them."""
        chance = np.random.default_rng(SEED)
        questions = {name: _drawn(name, coverage.fields[name], chance) for name in FEATURES}
        return cls(questions, tuple(probabilities(model, model_input(questions)).tolist()))

    def hold(self, model: Pipeline) -> None:
        """Asks the model again. VersionUnusable: it says something else than it said then."""
        said = probabilities(model, model_input(self.questions))
        if not np.allclose(said, self.answers, rtol=0.0, atol=CLOSE):
            most = float(np.max(np.abs(said - np.asarray(self.answers))))
            raise VersionUnusable(f"it says other than when it was fitted, by up to {most:.3g}: our code changed since")

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Proof":
        """What `to_json` wrote. KeyError, TypeError or ValueError: it is not that."""
        read = json.loads(text)
        return cls(read["questions"], tuple(read["answers"]))


def _drawn(name: str, seen: Seen, chance: np.random.Generator) -> list[Value]:
    """A value per question: any that was seen of the field, or none where none need be recorded."""
    values: list[Value] = [*sorted(seen.values, key=str)] if seen.values else [*range(seen.low, seen.high + 1)]
    if not BY_NAME[name].required or not values:
        values.append(None)
    return [values[place] for place in chance.integers(0, len(values), QUESTIONS)]
