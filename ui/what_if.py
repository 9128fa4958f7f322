"""What if one thing were otherwise: a second result beside the first."""

from collections.abc import Mapping

import streamlit as st

from readmit.core.applicability import is_applicable
from readmit.core.encounter import BY_NAME, FEATURES
from ui import encounter_form, prediction_result
from ui.api_client import Case
from ui.escaping import escape_markdown
from ui.page_context import PageContext
from ui.schemas import ModelView, PredictionView

CHOSEN, VALUE = "what_if.field", "what_if.value."


def show(room: PageContext, case: Case, answer: PredictionView, model: ModelView | None) -> None:
    """Asks which field, and what it should hold; shows both answers."""
    words = room.words
    st.subheader(words("what_if.title"))
    name = st.selectbox(
        words("what_if.field"),
        FEATURES,
        index=None,
        format_func=words.label,
        key=CHOSEN,
        placeholder=words("what_if.choose"),
    )
    if name is None:
        return
    changed = _changed(room, name, case)
    if changed is None:
        return
    if not is_applicable(changed):
        prediction_result.not_applicable(words)
        return
    other = room.try_request(lambda: room.api_client.predict(changed))
    if other is None:
        return
    for column, title, each in zip(
        st.columns(2), (words("what_if.first"), words("what_if.second")), (answer, other), strict=True
    ):
        with column.container(border=True):
            st.markdown(f"**{title}**")
            prediction_result.verdict(words, each)
            prediction_result.numbers(words, each, prediction_result.average_of(model))
    difference = other.probability - answer.probability
    told = words(_way(difference), points=words.number(100 * abs(difference), 1))
    st.info(escape_markdown(told), icon=":material/compare_arrows:")


def forget() -> None:
    """Another case is asked about: what if begins anew."""
    # Set, not forgotten: else the browser would go on showing a field that nobody asks about.
    st.session_state[CHOSEN] = None
    for key in [key for key in st.session_state if str(key).startswith(VALUE)]:
        del st.session_state[key]


def _changed(room: PageContext, name: str, case: Case) -> Mapping[str, str | int] | None:
    """The case with the field as it is set here; None: what is typed can't stand there."""
    key, field = VALUE + name, BY_NAME[name]
    if key not in st.session_state:
        st.session_state[key] = encounter_form.shown(field, case.get(name, field.if_absent))
    value = encounter_form.widget(room.words, field, key)
    found = encounter_form.fault(room.words, field, value)
    if found is not None:
        st.error(escape_markdown(found))
        return None
    return {each: said for each, said in {**case, name: value}.items() if said is not None}


def _way(difference: float) -> str:
    if abs(difference) < 5e-5:
        return "what_if.same"
    return "what_if.more" if difference > 0 else "what_if.less"
