"""Examples of prospective evaluations, each figure with other values."""

from readmit.core.estimate import Estimate
from readmit.core.prospective import EvaluatedModel, ProspectiveEvaluation


def evaluation_on(batch: int, target: str = "within_30_days") -> ProspectiveEvaluation:
    """Return that of the version with the number of the batch before, which was trained up to that batch."""
    return ProspectiveEvaluation(
        EvaluatedModel(batch, str(batch - 1), target, batch - 1, 1 / 7),
        *(15_000 - batch, 11_000 + batch, 1_600 + batch),
        roc_auc=Estimate(0.6731, 0.6584, 0.6877),
        observed_expected=Estimate(0.9312, 0.8838, 0.9826),
        calibration_slope=Estimate(1.0539, 0.9551, 1.1673),
        log_loss=Estimate(0.3222, 0.3103, 0.3341),
        flagged=Estimate(0.2391, 0.2293, 0.2484),
        precision=Estimate(0.1987, 0.1823, 0.2164),
        recall=Estimate(0.4412, 0.4093, 0.4741),
    )
