"""Prospective evaluation: the figures of a model on a batch that arrived after it had been trained.

Neither the fit of the model nor its choice has used the batch. Imports the standard library only: the API reads it.
"""

import json
import math
from dataclasses import asdict, dataclass

from readmit.core.estimate import Estimate
from readmit.core.verdict import finite_or_none

FIGURES = (*("roc_auc", "observed_expected", "calibration_slope", "log_loss", "flagged", "precision", "recall"),)
"""The figures of an evaluation, in the order of tables; precision is the PPV, recall the sensitivity."""


@dataclass(frozen=True, slots=True)
class EvaluatedModel:
    """A version on a later batch than `trained_on`, the last one of its snapshot."""

    batch: int
    version: str
    target: str
    trained_on: int
    threshold: float


@dataclass(frozen=True, slots=True)
class ProspectiveEvaluation:
    """The figures of a version on all included stays of a batch; NaN where one is undefined.

    `events`: the stays followed by a readmission. Intervals: 95 %, by resamples of the patients.
    """

    model: EvaluatedModel
    encounters: int
    patients: int
    events: int
    roc_auc: Estimate
    observed_expected: Estimate
    calibration_slope: Estimate
    log_loss: Estimate
    flagged: Estimate
    precision: Estimate
    recall: Estimate

    def estimates(self) -> dict[str, Estimate]:
        """Return the figures by name."""
        return {name: getattr(self, name) for name in FIGURES}

    def summary(self) -> str:
        """Return the main figures as one sentence, for facts and logs."""
        auc, ratio = self.roc_auc, self.observed_expected
        return (
            f"version {self.model.version} on batch {self.model.batch}: "
            f"ROC-AUC {auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f}), "
            f"observed/expected {ratio.value:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"
        )

    def to_json(self) -> str:
        """Return the evaluation as JSON; a figure that is not finite is null."""
        document = asdict(self)
        for name in FIGURES:
            document[name] = {bound: finite_or_none(value) for bound, value in document[name].items()}
        return json.dumps(document, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "ProspectiveEvaluation":
        """Read what `to_json` wrote. Raises KeyError or TypeError when it is invalid."""
        document = json.loads(text)
        for name in FIGURES:
            bounds = {bound: math.nan if value is None else value for bound, value in document[name].items()}
            document[name] = Estimate(**bounds)
        return cls(**{**document, "model": EvaluatedModel(**document["model"])})
