"""The what-if comparison: a second prediction with one field changed, beside the first."""

from collections.abc import Mapping

import streamlit as st

from readmit.core.applicability import is_applicable
from readmit.core.encounter import BY_NAME, FEATURES
from ui import encounter_form, prediction_result
from ui.api_client import Case
from ui.escaping import escape_markdown
from ui.i18n import Messages
from ui.page_context import PageContext
from ui.schemas import PredictionView

FIELD, VALUE = "what_if.field", "what_if.value."


def show(context: PageContext, case: Case, prediction: PredictionView) -> None:
    """Show the choice of a field and its new value, and both predictions."""
    t = context.t
    st.subheader(t("what_if.title"))
    name = st.selectbox(
        t("what_if.field"),
        FEATURES,
        index=None,
        format_func=t.label,
        key=FIELD,
        placeholder=t("what_if.choose"),
    )
    if name is None:
        return
    changed_case = _changed_case(context, name, case)
    if changed_case is None:
        return
    if not is_applicable(changed_case):
        prediction_result.not_applicable(t)
        return
    alternative = context.try_request(lambda: context.api_client.predict(changed_case))
    if alternative is None:
        return
    _compare(t, prediction, alternative)


def _compare(t: Messages, prediction: PredictionView, alternative: PredictionView) -> None:
    """Show both predictions beside each other, and their difference."""
    titles = (t("what_if.original"), t("what_if.changed"))
    for column, title, shown in zip(st.columns(2, wrap=False), titles, (prediction, alternative), strict=True):
        with column.container(border=True):
            st.markdown(f"**{title}**")
            st.metric(t("risk.risk"), t.percent(shown.probability))
            st.caption(prediction_result.decision(t, shown))
    difference = alternative.probability - prediction.probability
    comparison = t(_comparison_key(difference), points=t.number(100 * abs(difference), 1))
    st.info(escape_markdown(comparison), icon=":material/compare_arrows:")
    st.caption(t("what_if.caution"))


def reset() -> None:
    """Clear the comparison, for a new case."""
    # Assigned rather than deleted: only an assignment reaches the browser.
    st.session_state[FIELD] = None
    for key in [key for key in st.session_state if str(key).startswith(VALUE)]:
        del st.session_state[key]


def _changed_case(context: PageContext, name: str, case: Case) -> Mapping[str, str | int] | None:
    """Return the case with the new value of the field; show the error and return None when the value is invalid."""
    key, field = VALUE + name, BY_NAME[name]
    if key not in st.session_state:
        st.session_state[key] = encounter_form.to_widget(field, case.get(name, field.if_absent))
    value = encounter_form.widget(context.t, field, key)
    error = encounter_form.field_error(context.t, field, value)
    if error is not None:
        st.error(escape_markdown(error))
        return None
    return {field_name: item for field_name, item in {**case, name: value}.items() if item is not None}


def _comparison_key(difference: float) -> str:
    if abs(difference) < 5e-5:
        return "what_if.same"
    return "what_if.higher" if difference > 0 else "what_if.lower"
