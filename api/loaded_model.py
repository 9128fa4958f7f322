"""A loaded model version and its predictions."""

from collections.abc import Sequence

from api.example import EXAMPLE
from api.fast_decoder import FastDecoder
from api.schemas import Contribution, Explanation, PredictionResponse
from readmit.core.errors import VersionUnusable
from readmit.core.request import Encounter, parse
from readmit.core.scorer import EncodedValue, Scorer
from readmit.core.version import MODEL, Version
from readmit.io.lightgbm_native import load_scorer


class LoadedModel:
    """A model version ready to predict. `artifact`: the scorer's bytes, from which the batch worker loads its own.

    Not thread-safe, except `explain`. Raises VersionUnusable when the artifact is invalid, or when the scorer does not
    reproduce the predictions of the fitted model.
    """

    def __init__(self, version: Version, artifact: bytes) -> None:
        self.version, self.artifact = version, artifact
        self._scorer: Scorer = load_scorer(artifact)
        self._scorer.verify()
        self.fast_decoder = FastDecoder(self._scorer)
        self.predict(self.encode(parse(EXAMPLE)), "")

    def encode(self, encounter: Encounter) -> list[EncodedValue]:
        """Return the encounter's encoded values, one for each of BASE_COLUMNS."""
        return self._scorer.encode(encounter)

    def predict(self, encoded: Sequence[EncodedValue], request_id: str) -> PredictionResponse:
        """Return the prediction for one encounter. Raises VersionUnusable when the model yields no probability."""
        probability = self._scorer.probability(self._scorer.row(encoded))
        if not 0 <= probability <= 1:
            raise VersionUnusable(f"version {self.version.number} returned {probability} as a probability")
        return PredictionResponse(
            int(probability >= self.version.threshold),
            probability,
            self.version.threshold,
            request_id,
            MODEL,
            self.version.number,
            [warning for _, _, warning in encoded if warning is not None],
        )

    def explain(self, encounter: Encounter) -> Explanation:
        """Return the contribution of each field to the score of an encounter, largest first."""
        base, by_field = self._scorer.contributions(self.encode(encounter))
        contributions = [Contribution(name, encounter.values[name], amount) for name, amount in by_field.items()]
        contributions.sort(key=lambda item: -abs(item.contribution))
        score = base + sum(by_field.values())
        return Explanation(self._scorer.compiled.scale, base, score, contributions)
