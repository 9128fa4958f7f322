"""What the API answered about one patient: yes or no by word and colour, the risk in number, and why."""

from collections.abc import Mapping
from html import escape
from itertools import islice

import streamlit as st

from ui import charts, icd9_picker
from ui.encounter_form import is_diagnosis
from ui.escaping import escape_markdown
from ui.i18n import Messages
from ui.page_context import PageContext
from ui.plain_table import show_table
from ui.schemas import ModelView, PredictionView

MOST_SHOWN = 12
CARD = (
    '<div role="status" style="background:{colour};color:#fff;border-radius:.6rem;padding:.9rem 1.2rem;'
    'font-size:1.35rem;font-weight:600">{word}<div style="font-size:1rem;font-weight:400">{sentence}</div></div>'
)
YES_COLOUR, NO_COLOUR = "#A84300", "#0B5FA5"
"""White on either is read by whoever needs a contrast of 4.5 to 1 (WCAG 2.2, 1.4.3)."""


def show(room: PageContext, answer: PredictionView, model: ModelView | None) -> None:
    """The whole result."""
    words = room.words
    verdict(words, answer)
    numbers(words, answer, average_of(model))
    doubts(words, answer)
    st.markdown(f"**{words('why.title')}**")
    found = _named(words, answer)
    st.altair_chart(charts.contributions(words, found, answer.explanation.scale), width="stretch")
    with st.expander(words("why.in_numbers")):
        show_table(
            {words("why.field"): list(found), words("why.adds"): [words.number(value, 3) for value in found.values()]}
        )
        st.caption(escape_markdown(_sum(words, answer)))
    made_by = words("answer.made_by", version=answer.model_version, request=answer.request_id)
    st.caption(escape_markdown(made_by))
    st.caption(words("page.disclaimer"))


def verdict(words: Messages, answer: PredictionView) -> None:
    """The answer by word and colour."""
    way = "yes" if answer.prediction else "no"
    colour = YES_COLOUR if answer.prediction else NO_COLOUR
    told = words(f"answer.{way}_sentence", probability=words.percent(answer.probability))
    st.html(CARD.format(colour=colour, word=escape(words(f"answer.{way}")), sentence=escape(told)))


def numbers(words: Messages, answer: PredictionView, average: float | None) -> None:
    """The risk against the threshold and the average."""
    for column, (name, value) in zip(
        st.columns(3),
        {"risk": answer.probability, "threshold": answer.threshold, "average": average}.items(),
        strict=True,
    ):
        column.metric(words(f"risk.{name}"), words.percent(value), help=words(f"risk.{name}_help"))
    st.altair_chart(charts.risk(words, answer.probability, answer.threshold, average), width="stretch")


def doubts(words: Messages, answer: PredictionView) -> None:
    """What makes this answer less sure than others."""
    if answer.warnings:
        listed = "\n".join(f"- {escape_markdown(words.said(sentence))}" for sentence in answer.warnings)
        st.warning(f"{words('answer.doubts')}\n\n{listed}", icon=":material/warning:")


def not_applicable(words: Messages) -> None:
    """Show, in the place of a risk, that the stay ended in death or hospice."""
    st.info(words("patient.cannot_return"), icon=":material/info:")


def average_of(model: ModelView | None) -> float | None:
    """How many of the patients whom the model was judged on came back."""
    return None if model is None else model.figures.get("base_rate")


def _named(words: Messages, answer: PredictionView) -> Mapping[str, float]:
    """The greatest contributions by field and value in words, and all others in one."""
    told = [each for each in answer.explanation.contributions if each.contribution]
    found = {
        f"{words.label(each.field)}: {value_in_words(words, each.field, each.value)}": each.contribution
        for each in islice(told, MOST_SHOWN)
    }
    if rest := told[MOST_SHOWN:]:
        found[words("why.others", number=len(rest))] = sum(each.contribution for each in rest)
    return found


def value_in_words(words: Messages, name: str, value: str | int | None) -> str:
    """What stood in a field."""
    if value is None:
        return words("choice.not_recorded")
    return icd9_picker.in_words(words, str(value)) if is_diagnosis(name) else words.choice(name, value)


def _sum(words: Messages, answer: PredictionView) -> str:
    told = answer.explanation
    return words(
        "why.sum",
        scale=words.term(told.scale),
        base=words.number(told.base, 3),
        score=words.number(told.score, 3),
    )
