"""The prediction for one patient: the decision, the risk, the warnings and the contributions of the fields."""

from collections.abc import Iterator, Mapping
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

MAX_CONTRIBUTIONS = 12
CARD = (
    '<div role="status" style="background:{colour};color:#fff;border-radius:.6rem;padding:.9rem 1.2rem;'
    'font-size:1.35rem;font-weight:600">{title}<div style="font-size:1rem;font-weight:400">{sentence}</div></div>'
)
YES_COLOUR, NO_COLOUR = "#A84300", "#0B5FA5"
"""White text on either has a contrast of at least 4.5:1 (WCAG 2.2, 1.4.3)."""


def show(context: PageContext, prediction: PredictionView, model: ModelView | None) -> None:
    """Show the complete result."""
    t = context.t
    _verdict(t, prediction, model)
    _numbers(t, prediction, None if model is None else model.figures.get("base_rate"))
    _warnings(t, prediction)
    st.markdown(f"**{t('why.title')}**")
    contributions = _contributions(t, prediction)
    st.altair_chart(charts.contributions(t, contributions, prediction.explanation.scale), width="stretch")
    with st.expander(t("why.in_numbers")):
        show_table(
            {
                t("why.field"): list(contributions),
                t("why.contribution"): [t.number(value, 3) for value in contributions.values()],
            }
        )
        st.caption(escape_markdown(_sum(t, prediction)))
    model_line = t("prediction.model", version=prediction.model_version, request=prediction.request_id)
    st.caption(escape_markdown(model_line))
    st.caption(t("page.disclaimer"))


def decision(t: Messages, prediction: PredictionView) -> str:
    """Return the decision as text."""
    return t("prediction.yes" if prediction.prediction else "prediction.no")


def _verdict(t: Messages, prediction: PredictionView, model: ModelView | None) -> None:
    """Show the decision by text and colour, with what the served version's test figures say of it."""
    colour = YES_COLOUR if prediction.prediction else NO_COLOUR
    answer = t("prediction.answer", probability=t.percent(prediction.probability))
    sentence = " ".join([answer, *_shares(t, prediction, model)])
    st.html(CARD.format(colour=colour, title=escape(decision(t, prediction)), sentence=escape(sentence)))


def _shares(t: Messages, prediction: PredictionView, model: ModelView | None) -> Iterator[str]:
    """Yield how often a decision is right: the precision of a yes, the recall beside a no. Nothing without them."""
    key, metric = ("prediction.precision", "precision") if prediction.prediction else ("prediction.recall", "recall")
    share = None if model is None else model.figures.get(metric)
    if model is None or share is None:
        return
    percent = round(100 * share)
    yield t(key, target=t.lookup("target", model.target), above=percent, below=100 - percent)


def _numbers(t: Messages, prediction: PredictionView, average: float | None) -> None:
    """Show the risk, the threshold and the average, as numbers and as a chart."""
    # The threshold is 1 / (1 + cost ratio).
    ratio = t.number(1 / prediction.threshold - 1)
    shares = {"risk": prediction.probability, "threshold": prediction.threshold, "average": average}
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        for name, value in shares.items():
            label, explanation = t(f"risk.{name}"), t(f"risk.{name}_help", ratio=ratio)
            st.metric(label, t.percent(value), help=explanation, width="content")
    st.altair_chart(charts.risk(t, prediction.probability, prediction.threshold, average), width="stretch")


def _warnings(t: Messages, prediction: PredictionView) -> None:
    """Show the warnings of a prediction."""
    if prediction.warnings:
        items = "\n".join(f"- {escape_markdown(t.translate(warning))}" for warning in prediction.warnings)
        st.warning(f"{t('prediction.warnings')}\n\n{items}", icon=":material/warning:")


def not_applicable(t: Messages) -> None:
    """Show, instead of a risk, that the stay ended in death or hospice."""
    st.info(t("patient.not_applicable"), icon=":material/info:")


def _contributions(t: Messages, prediction: PredictionView) -> Mapping[str, float]:
    """Return the largest contributions by field and value, and the sum of the others."""
    nonzero = [item for item in prediction.explanation.contributions if item.contribution]
    contributions = {
        f"{t.label(item.field)}: {format_value(t, item.field, item.value)}": item.contribution
        for item in islice(nonzero, MAX_CONTRIBUTIONS)
    }
    if rest := nonzero[MAX_CONTRIBUTIONS:]:
        contributions[t("why.others", number=len(rest))] = sum(item.contribution for item in rest)
    return contributions


def format_value(t: Messages, name: str, value: str | int | None) -> str:
    """Return the value of a field as text."""
    if value is None:
        return t("choice.not_recorded")
    return icd9_picker.describe(t, str(value)) if is_diagnosis(name) else t.choice(name, value)


def _sum(t: Messages, prediction: PredictionView) -> str:
    explanation = prediction.explanation
    return t(
        "why.sum",
        scale=t.term(explanation.scale),
        base=t.number(explanation.base, 3),
        score=t.number(explanation.score, 3),
    )
