"""A version of the model in hand, and the answers that it gives."""

from collections.abc import Sequence

from api.example import EXAMPLE
from api.fast_decoder import FastDecoder
from api.schemas import Contribution, Explanation, PredictionResponse
from readmit.core.errors import VersionUnusable
from readmit.core.request import Encounter, parse
from readmit.core.scorer import EncodedValue, Scorer
from readmit.core.version import MODEL, Version
from readmit.io.lightgbm_native import scorer_of


class LoadedModel:
    """`artifact`: the bytes that the scorer was made from, for another process to make its own.

    VersionUnusable: they are none, or the scorer says other than the fitted model did. For one thread, but for
    `explained`.
    """

    def __init__(self, version: Version, artifact: bytes) -> None:
        self.version, self.artifact = version, artifact
        self._scorer: Scorer = scorer_of(artifact)
        self._scorer.verify()
        self.plain = FastDecoder(self._scorer)
        self.answer(self.cells_of(parse(EXAMPLE)), "")

    def cells_of(self, encounter: Encounter) -> list[EncodedValue]:
        """What the encounter means to the model."""
        return self._scorer.cells_of(encounter)

    def answer(self, cells: Sequence[EncodedValue], request_id: str) -> PredictionResponse:
        """The answer to one encounter."""
        probability = self._scorer.probability(self._scorer.row(cells))
        if not 0 <= probability <= 1:
            raise VersionUnusable(f"version {self.version.number} answers {probability} for a probability")
        return PredictionResponse(
            int(probability >= self.version.threshold),
            probability,
            self.version.threshold,
            request_id,
            MODEL,
            self.version.number,
            [warning for _, _, warning in cells if warning is not None],
        )

    def explained(self, encounter: Encounter) -> Explanation:
        """What each field adds to the score of an encounter, greatest first."""
        base, found = self._scorer.contributions(self._scorer.row(self.cells_of(encounter)))
        listed = [Contribution(name, encounter.values[name], addition) for name, addition in found.items()]
        listed.sort(key=lambda each: -abs(each.contribution))
        score = base + sum(found.values())
        return Explanation(self._scorer.compiled.scale, base, score, listed)
