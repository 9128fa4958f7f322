"""The page of one patient: the form, the answer, and what if."""

from dataclasses import dataclass

import streamlit as st

from readmit.core.applicability import is_applicable
from ui import encounter_form, prediction_result, what_if
from ui.api_client import Case
from ui.encounter_file import InvalidCaseFile, as_file, of_file, usual
from ui.escaping import escape_markdown
from ui.i18n import Messages
from ui.page_context import PageContext
from ui.schemas import ModelView, PredictionView

ANSWERED, LOADED, NO_CASE = "answered", "case_file", "no_case"


@dataclass(frozen=True, slots=True)
class Answered:
    """What was asked, and what was answered. `model`: as the API told of it then, if it did."""

    case: Case
    answer: PredictionView
    model: ModelView | None


def show(room: PageContext) -> None:
    """The page."""
    words = room.words
    st.title(words("patient.title"))
    st.write(words("patient.intro"))
    encounter_form.keep()
    _files(words)
    faults = encounter_form.show(words)
    _question(room, encounter_form.case(), may_be_asked=not faults)


@st.fragment
def _question(room: PageContext, case: Case, *, may_be_asked: bool) -> None:
    """The button and what follows from it: made anew by itself, while the form above stays as it is."""
    applicable = is_applicable(case)
    disabled = not (may_be_asked and applicable)
    if st.button(room.words("patient.ask"), type="primary", disabled=disabled, icon=":material/calculate:"):
        _ask(room, case)
    if not applicable:
        prediction_result.not_applicable(room.words)
        return
    if (answered := st.session_state.get(ANSWERED)) is not None:
        _answered(room, answered, case)


def _ask(room: PageContext, case: Case) -> None:
    answer = room.try_request(lambda: room.api_client.predict(case))
    if answer is None:
        return
    model = room.try_request(room.api_client.model)
    st.session_state[ANSWERED] = Answered(case, answer, model)
    what_if.forget()


def _answered(room: PageContext, answered: Answered, case: Case) -> None:
    st.divider()
    st.header(room.words("answer.title"))
    if answered.case != case:
        st.info(room.words("answer.stale"), icon=":material/edit:")
    prediction_result.show(room, answered.answer, answered.model)
    what_if.show(room, answered.case, answered.answer, answered.model)


def _files(words: Messages) -> None:
    """A case goes into a file, and comes from one."""
    with st.expander(words("case.title"), icon=":material/save:"):
        st.file_uploader(words("case.load"), type="json", key=LOADED, on_change=_load, help=words("case.load_help"))
        for name, message in st.session_state.get(NO_CASE, ()):
            said = words.said(message)
            st.error(escape_markdown(f"{words.label(name)}: {said}" if name else said))
        left, right = st.columns(2)
        left.download_button(
            words("case.save"),
            as_file(encounter_form.case()),
            "readmit-case.json",
            "application/json",
            icon=":material/download:",
            on_click="ignore",
        )
        right.button(words("case.clear"), on_click=_clear, icon=":material/restart_alt:")


def _load() -> None:
    """Puts what was uploaded onto the form; a file that holds no case changes nothing."""
    uploaded = st.session_state[LOADED]
    st.session_state[NO_CASE] = ()
    if uploaded is None:
        return
    try:
        encounter_form.put(of_file(uploaded.getvalue()))
    except InvalidCaseFile as error:
        st.session_state[NO_CASE] = error.faults


def _clear() -> None:
    encounter_form.put(usual())
    st.session_state.pop(ANSWERED, None)
