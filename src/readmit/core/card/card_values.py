"""The values of the placeholders in the texts of a card, from its facts."""

from collections.abc import Iterable, Mapping

from readmit.core.card.card_catalogue import CardTexts
from readmit.core.card.card_facts import CardFacts, Decision, Performance
from readmit.core.card.number_text import NumberText
from readmit.core.card.training_facts import SplitFacts, TrainingFacts
from readmit.core.encounter import BY_NAME, FEATURES
from readmit.core.evaluation import VersionEvaluation
from readmit.core.version import Version

Values = Mapping[str, str | None]
THIRTY_DAYS = "within_30_days"
PERCENT_FIGURES = frozenset({"base_rate", "flagged", "precision", "recall", "accuracy", "ppv", "sensitivity"})
"""Metrics that are shown in per cent."""
LOG_LOSS_DIGITS = 4
DIGITS = {"slope": 2, "intercept": 2, "alerts": 1}
"""Decimals of figures of the evaluation that are not 3."""
SUBGROUP_GATES = "subgroup_"
"""Prefix of the gates that compare subgroups."""


def card_values(facts: CardFacts, texts: CardTexts) -> dict[str, str]:
    """Return the value of each placeholder that the facts have one for."""
    number = NumberText(texts.decimal_comma)
    values = {
        **_version_values(facts.version, texts, number),
        **_performance_values(facts.performance, number),
        **(_training_values(facts.training, texts, number) if facts.training else {}),
        **(_decision_values(facts.decision, texts, number) if facts.decision else {}),
        **(_evaluation_values(facts.evaluation, number) if facts.evaluation else {}),
        "prospective_batches": ", ".join(str(result.batch) for result in facts.prospective or ()),
        "subgroups": number.whole(len(facts.subgroups)) if facts.subgroups else None,
    }
    return {name: value for name, value in values.items() if value}


def figure_text(name: str, value: float | None, number: NumberText) -> str | None:
    """Return a metric as text, shares in per cent."""
    if name in PERCENT_FIGURES:
        return number.percent(value)
    return number.decimal(value, LOG_LOSS_DIGITS if name == "log_loss" else 3)


def _version_values(version: Version, texts: CardTexts, number: NumberText) -> Values:
    required = [name for name in FEATURES if BY_NAME[name].required]
    unrecorded = [name for name in FEATURES if BY_NAME[name].may_be_unrecorded]
    return {
        "version": version.number,
        "candidate": version.candidate,
        "horizon": texts.names.get(version.target),
        "days": "30" if version.target == THIRTY_DAYS else None,
        "threshold": number.decimal(version.threshold),
        "cost_ratio": number.decimal(1 / version.threshold - 1, 1) if version.threshold else None,
        "last_batch": number.whole(version.batch),
        "snapshot": version.snapshot,
        "code": version.code,
        "run": version.run_id,
        "scorer": version.scorer,
        "model_file": version.model_file,
        "fields": number.whole(len(FEATURES)),
        "required_fields": number.whole(len(required)),
        "may_be_unrecorded": join_names(unrecorded, texts),
    }


def _performance_values(performance: Performance, number: NumberText) -> Values:
    interval = performance.roc_auc
    return {
        **{f"test_{name}": figure_text(name, value, number) for name, value in performance.figures.items()},
        "test_roc_auc_low": None if interval is None else number.decimal(interval.low),
        "test_roc_auc_high": None if interval is None else number.decimal(interval.high),
    }


def _training_values(training: TrainingFacts, texts: CardTexts, number: NumberText) -> Values:
    flow = training.flow
    return {
        "batches": ", ".join(map(str, training.batches)),
        "set_aside": ", ".join(map(str, training.set_aside)),
        "fitted_on": join_names((texts.names[name] for name in training.fitted_on), texts),
        "received": number.whole(flow.received) if flow else None,
        "quarantined": number.whole(flow.quarantined) if flow else None,
        "excluded": number.whole(flow.excluded) if flow else None,
        **_split_values("fitted", training.fitted, number),
        **{
            name: value
            for split, facts in training.splits.items()
            for name, value in _split_values(split, facts, number).items()
        },
    }


def _split_values(name: str, split: SplitFacts, number: NumberText) -> Values:
    return {
        f"{name}_rows": number.whole(split.rows),
        f"{name}_readmitted": number.whole(split.readmitted),
        f"{name}_patients": number.whole(split.patients),
        f"{name}_share": number.percent(split.readmitted / split.rows) if split.rows else None,
    }


def _decision_values(decision: Decision, texts: CardTexts, number: NumberText) -> Values:
    group_gates = [gate for gate in decision.gates if gate.startswith(SUBGROUP_GATES)]
    return {
        "outcome": texts.names[decision.outcome],
        "reasons": "; ".join(decision.reasons),
        "champion": decision.champion,
        "decided_at": decision.decided_at,
        "consulted": number.whole(decision.consulted),
        "subgroup_gates": join_names(group_gates, texts),
    }


def _evaluation_values(evaluation: VersionEvaluation, number: NumberText) -> Values:
    calibration, flags = evaluation.calibration, evaluation.operating_point
    measures = {
        "slope": calibration.slope,
        "intercept": calibration.intercept,
        "alerts": flags.alerts_per_readmission,
        "comparable_roc_auc": evaluation.comparable_roc_auc,
    }
    return {
        "ece_by_chance": number.decimal(calibration.ece_by_chance),
        **{
            f"{name}{suffix}": None if measure is None else number.decimal(getattr(measure, bound), DIGITS.get(name, 3))
            for name, measure in measures.items()
            for suffix, bound in (("", "value"), ("_low", "low"), ("_high", "high"))
        },
    }


def join_names(names: Iterable[str], texts: CardTexts) -> str:
    """Return names as an enumeration: a, b and c; empty without names."""
    *first, last = [*names] or [""]
    return f"{', '.join(first)} {texts.texts['and']} {last}" if first else last
