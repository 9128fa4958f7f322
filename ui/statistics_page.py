"""The page of statistics: how often patients came back, by who they are and why they were there."""

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


def show(room: PageContext) -> None:
    """The page."""
    words = room.words
    st.title(words("statistics.title"))
    told = room.try_request(room.api_client.statistics)
    if told is None:
        return
    st.write(escape_markdown(words("statistics.intro", target=words.of("target", told.target))))
    fields = list(dict.fromkeys(each.field for each in told.items))
    if not fields:
        st.info(words("statistics.none"))
        return
    by = st.segmented_control(
        words("statistics.by"),
        fields,
        format_func=lambda name: escape_markdown(_named(words, name)),
        default=fields[0],
        key="statistics.by",
        required=True,
    )
    counted = [each for each in told.items if each.field == by]
    names = [_group(words, each) for each in counted]
    st.altair_chart(
        charts.rates(words, names, [each.rate for each in counted], [each.encounters for each in counted]),
        width="stretch",
    )
    _table(words, names, counted)
    st.caption(escape_markdown(words("statistics.smallest", smallest=told.smallest)))


def _table(words: Messages, names: Sequence[str], counted: Sequence[CountView]) -> None:
    encounters, readmitted = sum(each.encounters for each in counted), sum(each.readmitted for each in counted)
    columns = {
        words("statistics.group"): [*names, words("statistics.all")],
        words("statistics.encounters"): [words.number(n) for n in (*(each.encounters for each in counted), encounters)],
        words("statistics.readmitted"): [words.number(n) for n in (*(each.readmitted for each in counted), readmitted)],
        words("statistics.rate"): [
            words.percent(n) for n in (*(each.rate for each in counted), readmitted / encounters)
        ],
    }
    show_table(
        columns,
    )


def _named(words: Messages, name: str) -> str:
    return words.label(name) if name in BY_NAME else words.of("statistics", name)


def _group(words: Messages, counted: CountView) -> str:
    return ", ".join(_value(words, counted.field, value) for value in counted.values)


def _value(words: Messages, name: str, value: str) -> str:
    if value == NOT_RECORDED:
        return words("choice.not_recorded")
    if name not in BY_NAME:
        return words("data.batch_number", batch=value)
    return icd9_picker.chapter_in_words(words, value) if is_diagnosis(name) else words.choice(name, value)
