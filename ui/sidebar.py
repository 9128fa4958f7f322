"""The sidebar: the state of the API, the served version, and the language."""

import streamlit as st

from ui.api_client import ApiUnavailable, RequestRejected
from ui.escaping import escape_markdown
from ui.i18n import LANGUAGES
from ui.page_context import LANGUAGE, PageContext
from ui.schemas import HealthView

POLL_SECONDS = 5
UNAVAILABLE = "api_unavailable"
"""Session key: the API was unavailable at the last poll."""


def show(context: PageContext) -> None:
    """Show the sidebar."""
    with st.sidebar:
        _api(context)
        st.segmented_control(
            context.t("sidebar.language"),
            list(LANGUAGES),
            format_func=LANGUAGES.__getitem__,
            key=LANGUAGE,
            required=True,
        )
        st.caption(context.t("sidebar.theme"))


@st.fragment(run_every=POLL_SECONDS)
def _api(context: PageContext) -> None:
    """Poll the API; rerun the whole page when the API is available again."""
    t, health = context.t, _health(context)
    if health is None:
        st.session_state[UNAVAILABLE] = True
        st.error(t("sidebar.unavailable"), icon=":material/cloud_off:")
        return
    if st.session_state.pop(UNAVAILABLE, False):
        st.rerun()
    if health.model_loaded:
        version = escape_markdown(t("sidebar.version", version=health.model_version))
        st.success(version, icon=":material/check_circle:")
    else:
        st.info(t("sidebar.no_model"), icon=":material/hourglass_empty:")
    if health.reload_failure is not None:
        st.warning(t("sidebar.reload_failed"), icon=":material/warning:")


def _health(context: PageContext) -> HealthView | None:
    try:
        return context.api_client.health()
    except (ApiUnavailable, RequestRejected):
        return None
