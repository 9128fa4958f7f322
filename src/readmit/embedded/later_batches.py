"""The figures of the versions in production on later batches, as the results page shows them."""

from collections.abc import Mapping
from dataclasses import dataclass

from readmit.core.prospective import ProspectiveEvaluation
from readmit.core.verdict import finite_or_none
from readmit.io.database import prospective_results

CLINICAL_NAMES = {"recall": "sensitivity", "precision": "ppv"}
"""Clinical names of two figures, which the report uses."""


@dataclass(frozen=True, slots=True)
class LaterBatchResult:
    """A version in production on a batch that it had not learned from. `trained_on`: the last batch that it had.

    `figures`: each with its bounds, NAME_low and NAME_high. `events`: encounters followed by a readmission. `of_100`:
    100 discharges by flag and outcome; None where a figure is undefined.
    """

    batch: int
    version: str
    trained_on: int
    threshold: float
    cost_ratio: float
    encounters: int
    events: int
    figures: Mapping[str, float]
    of_100: Mapping[str, int] | None


def later_batch_results(target: str) -> tuple[LaterBatchResult, ...]:
    """Return those of a target, oldest batch first."""
    evaluations = [stored.evaluation for stored in reversed(prospective_results.list_evaluations())]
    return tuple(_result(evaluation) for evaluation in evaluations if evaluation.model.target == target)


def _result(evaluation: ProspectiveEvaluation) -> LaterBatchResult:
    model, figures = evaluation.model, {"base_rate": evaluation.events / evaluation.encounters}
    for name, estimate in evaluation.estimates().items():
        label = CLINICAL_NAMES.get(name, name)
        figures |= {label: estimate.value, f"{label}_low": estimate.low, f"{label}_high": estimate.high}
    return LaterBatchResult(
        *(model.batch, model.version, model.trained_on, model.threshold, cost_ratio(model.threshold)),
        *(evaluation.encounters, evaluation.events, figures, hundred_discharges(figures)),
    )


def cost_ratio(threshold: float) -> float:
    """Return how many needless follow-ups cost as much as a missed readmission, by the threshold."""
    return round(1 / threshold - 1, 6)


def hundred_discharges(figures: Mapping[str, float]) -> dict[str, int] | None:
    """Return 100 discharges by flag and outcome, from rates rounded as in the headline, so that both agree."""
    shares = [figures.get(name) for name in ("flagged", "base_rate", "ppv")]
    if any(share is None or finite_or_none(share) is None for share in shares):
        return None
    flagged, back = round(100 * figures["flagged"]), round(100 * figures["base_rate"])
    hit = min(round(100 * figures["flagged"] * figures["ppv"]), flagged, back)
    return {
        "flagged_came_back": hit,
        "flagged_stayed_away": flagged - hit,
        "missed": back - hit,
        "left_alone": 100 - flagged - back + hit,
    }
