"""The tables of a card."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from readmit.core.card.card_catalogue import CardTexts
from readmit.core.card.card_facts import CardFacts
from readmit.core.card.card_values import figure_text
from readmit.core.card.number_text import NumberText
from readmit.core.encounter import BY_NAME, NOT_RECORDED
from readmit.core.estimate import Estimate

NO_FIGURE = "\N{EN DASH}"
LEAST_SHARE = 0.001
"""The smallest share that is written as a number."""


@dataclass(frozen=True, slots=True)
class CardTable:
    """A table of text: the titles of its columns, and its rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def not_recorded_table(facts: CardFacts, texts: CardTexts) -> CardTable | None:
    """Return the share of each input field that was not recorded in training, and whether a request has to have it."""
    if facts.training is None:
        return None
    number, rows = NumberText(texts.decimal_comma), facts.training.fitted.rows
    cells = (
        (
            name,
            texts.texts["required" if BY_NAME[name].required else "optional"] if name in BY_NAME else NO_FIGURE,
            texts.texts["hidden"] if count is None else _share_text(count, rows, number),
        )
        for name, count in facts.training.not_recorded.items()
    )
    return _table(texts, ("field", "in_request", "not_recorded"), cells) if rows else None


def _share_text(count: int, rows: int, number: NumberText) -> str:
    """Return a share in per cent; one that is not 0 is not rounded to it."""
    share = count / rows
    return (
        f"<\N{NO-BREAK SPACE}{number.percent(LEAST_SHARE)}" if 0 < share < LEAST_SHARE else str(number.percent(share))
    )


def groups_table(facts: CardFacts, texts: CardTexts) -> CardTable | None:
    """Return whom the training data are about."""
    if facts.training is None:
        return None
    number = NumberText(texts.decimal_comma)
    cells = (
        (
            group.field,
            _values_text(group.values, texts),
            number.whole(group.rows) or NO_FIGURE,
            number.percent(group.readmitted / group.rows) or NO_FIGURE,
        )
        for group in facts.training.groups
    )
    return _table(texts, ("field", "values", "encounters", "readmitted"), cells)


def _values_text(values: Iterable[str], texts: CardTexts) -> str:
    return ", ".join(texts.texts["unrecorded"] if value == NOT_RECORDED else value for value in values)


def prospective_table(facts: CardFacts, texts: CardTexts) -> CardTable | None:
    """Return the evaluations on batches that the version had not been trained on."""
    if not facts.prospective:
        return None
    number = NumberText(texts.decimal_comma)
    names = _estimate_names(result.estimates for result in facts.prospective)
    cells = (
        (
            str(result.batch),
            number.whole(result.rows) or NO_FIGURE,
            number.whole(result.readmitted) or NO_FIGURE,
            *_estimate_cells(names, result.estimates, texts),
        )
        for result in facts.prospective
    )
    return _table(texts, ("batch", "encounters", "readmitted_count", *names), cells)


def subgroups_table(facts: CardFacts, texts: CardTexts) -> CardTable | None:
    """Return the evaluation by group of test patients."""
    if not facts.subgroups:
        return None
    number = NumberText(texts.decimal_comma)
    names = _estimate_names(result.estimates for result in facts.subgroups)
    cells = (
        (
            # A batch is no field of an encounter, and has a title like a column.
            texts.columns.get(result.field, result.field),
            _values_text(result.values, texts),
            number.whole(result.rows) or texts.texts["hidden"],
            number.whole(result.readmitted) or texts.texts["hidden"],
            *_estimate_cells(names, result.estimates, texts),
        )
        for result in facts.subgroups
    )
    return _table(texts, ("field", "values", "encounters", "readmitted_count", *names), cells)


def gates_table(facts: CardFacts, texts: CardTexts) -> CardTable | None:
    """Return the promotion gates that applied to the version, each passed or with the reason against it."""
    gates = {} if facts.decision is None else facts.decision.gates
    cells = ((gate, texts.texts["passed"] if reason is None else reason) for gate, reason in gates.items())
    return _table(texts, ("gate", "result"), cells)


TABLES: Mapping[str, Callable[[CardFacts, CardTexts], CardTable | None]] = {
    "not_recorded": not_recorded_table,
    "groups": groups_table,
    "prospective": prospective_table,
    "subgroups": subgroups_table,
    "gates": gates_table,
}
"""By the name that items refer to."""


def _table(texts: CardTexts, columns: Sequence[str], cells: Iterable[tuple[str, ...]]) -> CardTable | None:
    """Return a table with the titles of its columns; None without rows."""
    titles = tuple(texts.columns.get(name, name) for name in columns)
    rows = tuple(cells)
    return CardTable(titles, rows) if rows else None


def _estimate_names(results: Iterable[Mapping[str, Estimate]]) -> list[str]:
    """Return the names of all metrics, in the order of their first occurrence."""
    return list(dict.fromkeys(name for estimates in results for name in estimates))


def _estimate_cells(names: Sequence[str], estimates: Mapping[str, Estimate], texts: CardTexts) -> list[str]:
    return [_estimate_cell(name, estimates.get(name), texts) for name in names]


def _estimate_cell(name: str, estimate: Estimate | None, texts: CardTexts) -> str:
    if estimate is None:
        return NO_FIGURE
    number = NumberText(texts.decimal_comma)
    value, low, high = (figure_text(name, each, number) for each in (estimate.value, estimate.low, estimate.high))
    if value is None or low is None or high is None:
        return value or NO_FIGURE
    return f"{value} ({texts.texts['from_to'].format(low=low, high=high)})"
