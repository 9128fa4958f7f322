"""The card of a version, from its verdict, its evaluations, and the facts stored with it."""

import math
from collections.abc import Iterator

from readmit.core.card.card_facts import CardFacts, Decision, LaterBatch, Performance, SubgroupResult
from readmit.core.card.model_card import ModelCard, build_card
from readmit.core.estimate import Estimate
from readmit.core.evaluation import Measure, Subgroup, VersionEvaluation
from readmit.core.version import Version
from readmit.io.card_files import load_catalogue
from readmit.io.database import promotions, prospective_results

GROUP_FIGURES = ("roc_auc", "observed_expected", "sensitivity", "ppv", "flagged")
"""Figures of a subgroup, in the order of the card's table."""


def read_card(version: Version, evaluation: VersionEvaluation | None, language: str) -> ModelCard:
    """Return the card of a version; what is not stored with it is not available."""
    decided = promotions.get_decision(version.number)
    facts = CardFacts(
        version,
        promotions.get_training_facts(version.number),
        Performance.of(version, None if decided is None else decided[0]),
        None if decided is None else Decision.of(decided[0], f"{decided[1]:%Y-%m-%d %H:%M}"),
        tuple(_later_batches(version.number)) or None,
        None if evaluation is None else tuple(map(_subgroup, evaluation.subgroups)),
        evaluation,
    )
    return build_card(facts, load_catalogue(), language)


def _later_batches(number: str) -> Iterator[LaterBatch]:
    """Yield the prospective evaluations of a version, oldest batch first."""
    for stored in reversed(prospective_results.list_evaluations()):
        result = stored.evaluation
        if result.model.version == number:
            yield LaterBatch(result.model.batch, result.encounters, result.events, result.estimates())


def _subgroup(group: Subgroup) -> SubgroupResult:
    estimates = {name: _estimate(getattr(group, name)) for name in GROUP_FIGURES}
    return SubgroupResult(group.field, group.values, group.encounters, group.readmitted, estimates)


def _estimate(measure: Measure) -> Estimate:
    values = (math.nan if value is None else value for value in (measure.value, measure.low, measure.high))
    return Estimate(*values)
