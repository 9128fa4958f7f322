"""The page of statistics: readmission rates by demographics and diagnosis."""

from collections.abc import Sequence

import streamlit as st

from readmit.core.encounter import BY_NAME, NOT_RECORDED
from ui import charts, icd9_picker
from ui.encounter_form import is_diagnosis
from ui.escaping import escape_markdown
from ui.i18n import Messages
from ui.page_context import PageContext
from ui.plain_table import show_table
from ui.schemas import CountView


def show(context: PageContext) -> None:
    """Show the page."""
    t = context.t
    st.title(t("statistics.title"))
    statistics = context.try_request(context.api_client.statistics)
    if statistics is None:
        return
    st.write(escape_markdown(t("statistics.intro", target=t.lookup("target", statistics.target))))
    fields = list(dict.fromkeys(count.field for count in statistics.items))
    if not fields:
        st.info(t("statistics.none"))
        return
    selected = st.segmented_control(
        t("statistics.by"),
        fields,
        format_func=lambda name: escape_markdown(field_label(t, name)),
        default=fields[0],
        key="statistics.by",
        required=True,
    )
    counts = [count for count in statistics.items if count.field == selected]
    names = [group_label(t, count.field, count.values) for count in counts]
    st.altair_chart(
        charts.rates(t, names, [count.rate for count in counts], [count.encounters for count in counts]),
        width="stretch",
    )
    _table(t, names, counts)
    st.caption(escape_markdown(t("statistics.smallest", smallest=statistics.smallest)))


def _table(t: Messages, names: Sequence[str], counts: Sequence[CountView]) -> None:
    encounters, readmitted = sum(count.encounters for count in counts), sum(count.readmitted for count in counts)
    columns = {
        t("statistics.group"): [*names, t("statistics.all")],
        t("statistics.encounters"): [t.number(n) for n in (*(count.encounters for count in counts), encounters)],
        t("statistics.readmitted"): [t.number(n) for n in (*(count.readmitted for count in counts), readmitted)],
        t("statistics.rate"): [t.percent(n) for n in (*(count.rate for count in counts), readmitted / encounters)],
    }
    show_table(columns)


def field_label(t: Messages, name: str) -> str:
    """Return the label of a field by which encounters are grouped."""
    return t.label(name) if name in BY_NAME else t.lookup("statistics", name)


def group_label(t: Messages, field: str, values: Sequence[str]) -> str:
    """Return the label of the encounters with one of these values of a field."""
    return ", ".join(_value(t, field, value) for value in values)


def _value(t: Messages, name: str, value: str) -> str:
    if value == NOT_RECORDED:
        return t("choice.not_recorded")
    if name not in BY_NAME:
        return t("data.batch_number", batch=value)
    return icd9_picker.chapter_title(t, value) if is_diagnosis(name) else t.term(t.choice(name, value))
