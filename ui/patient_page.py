"""The page of a single patient: the form, and beside it the prediction with the what-if comparison."""

from dataclasses import dataclass

import streamlit as st

from readmit.core.applicability import is_applicable
from ui import encounter_form, patient_layout, prediction_result, what_if
from ui.api_client import Case
from ui.encounter_file import InvalidCaseFile, default_case, from_json, to_json
from ui.escaping import escape_markdown
from ui.i18n import Messages
from ui.page_context import PageContext
from ui.schemas import ModelView, PredictionView

LAST_PREDICTION, CASE_FILE, CASE_ERRORS = "last_prediction", "case_file", "case_errors"


@dataclass(frozen=True, slots=True)
class PredictedCase:
    """A case with its prediction. `model`: the version that made it, None if unavailable."""

    case: Case
    prediction: PredictionView
    model: ModelView | None


def show(context: PageContext) -> None:
    """Show the page."""
    t = context.t
    st.title(t("patient.title"))
    encounter_form.preserve_state()
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown(t("patient.intro"), width="content")
        _files(t)
    form, answer = patient_layout.form_and_answer()
    with form:
        errors = encounter_form.show(t)
    with answer:
        _prediction(context, encounter_form.case(), is_valid=not errors)


@st.fragment
def _prediction(context: PageContext, case: Case, *, is_valid: bool) -> None:
    """Show the button and the prediction, in a fragment that reruns without the form."""
    applicable = is_applicable(case)
    disabled = not (is_valid and applicable)
    if st.button(context.t("patient.predict"), type="primary", disabled=disabled, icon=":material/calculate:"):
        _predict(context, case)
    if not applicable:
        prediction_result.not_applicable(context.t)
    elif (predicted := st.session_state.get(LAST_PREDICTION)) is not None:
        _show_prediction(context, predicted, case)
    else:
        st.caption(context.t("patient.no_answer"))


def _predict(context: PageContext, case: Case) -> None:
    prediction = context.try_request(lambda: context.api_client.predict(case))
    if prediction is None:
        return
    model = context.try_request(context.api_client.model)
    # Another version may have been loaded in between: its figures are not those of this prediction.
    same_version = model is not None and model.version == prediction.model_version
    st.session_state[LAST_PREDICTION] = PredictedCase(case, prediction, model if same_version else None)
    what_if.reset()


def _show_prediction(context: PageContext, predicted: PredictedCase, case: Case) -> None:
    st.header(context.t("prediction.title"))
    if predicted.case != case:
        st.info(context.t("prediction.stale"), icon=":material/edit:")
    prediction_result.show(context, predicted.prediction, predicted.model)
    what_if.show(context, predicted.case, predicted.prediction)


def _files(t: Messages) -> None:
    """Show the controls that load, save and clear a case."""
    with st.popover(t("case.title"), icon=":material/save:"):
        st.file_uploader(t("case.load"), type="json", key=CASE_FILE, on_change=_load, help=t("case.load_help"))
        for name, message in st.session_state.get(CASE_ERRORS, ()):
            text = t.translate(message)
            st.error(escape_markdown(f"{t.label(name)}: {text}" if name else text))
        left, right = st.columns(2)
        left.download_button(
            t("case.save"),
            to_json(encounter_form.case()),
            "readmit-case.json",
            "application/json",
            icon=":material/download:",
            on_click="ignore",
        )
        right.button(t("case.clear"), on_click=_clear, icon=":material/restart_alt:")


def _load() -> None:
    """Fill the form from the uploaded file; an invalid file leaves the form unchanged."""
    uploaded = st.session_state[CASE_FILE]
    st.session_state[CASE_ERRORS] = ()
    if uploaded is None:
        return
    try:
        encounter_form.fill(from_json(uploaded.getvalue()))
    except InvalidCaseFile as error:
        st.session_state[CASE_ERRORS] = error.errors


def _clear() -> None:
    encounter_form.fill(default_case())
    st.session_state.pop(LAST_PREDICTION, None)
