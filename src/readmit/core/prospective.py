"""Prospective evaluation: the figures of a model on a batch that arrived after it had been trained.

Neither its fit nor the choice of the model has used the batch, so that the figures are those of its use, as far as
the later stays are like the batch.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from readmit.core.calibration import recalibration, resampled_slopes
from readmit.core.estimate import Estimate
from readmit.core.metrics import RESAMPLES_FOR_VERDICT, Floats, Ints, RankedScores, log_losses
from readmit.core.patient_resamples import PatientResamples, percentile_estimate, ratio_estimate
from readmit.core.verdict import finite_or_none

FIGURES = (
    *("roc_auc", "observed_expected", "calibration_slope", "log_loss", "flagged", "precision", "recall"),
)
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


def evaluate_prospectively(
    model: EvaluatedModel, labels: Sequence[int], probabilities: Floats, patients: Sequence[str] | Ints, seed: int
) -> ProspectiveEvaluation:
    """Return the figures of a model on a batch. `labels`, `probabilities` and `patients`: of each stay, shape (rows,).

    Raises ValueError when the batch has no stays, or the model has learned from it.
    """
    if not len(labels):
        raise ValueError("there are no stays to evaluate a model on")
    if model.trained_on >= model.batch:
        raise ValueError(f"version {model.version} was trained on batch {model.trained_on}, not before {model.batch}")
    y, p = np.asarray(labels, dtype=np.float64), probabilities
    resamples, everyone = PatientResamples(patients, RESAMPLES_FOR_VERDICT, seed), np.ones(y.size)
    flagged = (p >= model.threshold).astype(np.float64)
    return ProspectiveEvaluation(
        model=model,
        encounters=y.size,
        patients=np.unique(resamples.numbers).size,
        events=int(y.sum()),
        roc_auc=percentile_estimate(_roc_auc(y, p), resamples.roc_aucs(y, p)),
        observed_expected=ratio_estimate(resamples, y, p),
        calibration_slope=percentile_estimate(recalibration(y, p).slope, resampled_slopes(y, p, resamples)),
        log_loss=ratio_estimate(resamples, log_losses(y, p), everyone),
        flagged=ratio_estimate(resamples, flagged, everyone),
        precision=ratio_estimate(resamples, y * flagged, flagged),
        recall=ratio_estimate(resamples, y * flagged, y),
    )


def _roc_auc(labels: Floats, probabilities: Floats) -> float:
    with np.errstate(invalid="ignore"):
        return float(RankedScores(labels, probabilities).roc_auc(np.ones((1, labels.size)))[0])
