"""The sidebar: how the API is, which version it serves, and the language."""

import streamlit as st

from ui.api_client import ApiUnavailable, RequestRejected
from ui.escaping import escape_markdown
from ui.i18n import LANGUAGES
from ui.page_context import LANGUAGE, PageContext
from ui.schemas import HealthView

LOOK_AGAIN_SECONDS = 5
AWAY = "away"
"""Key of the session: the API was away when it was asked last."""


def show(room: PageContext) -> None:
    """All of it."""
    with st.sidebar:
        _api(room)
        st.segmented_control(
            f"{room.words('side.language')}",
            list(LANGUAGES),
            format_func=LANGUAGES.__getitem__,
            key=LANGUAGE,
            required=True,
        )
        st.caption(room.words("side.theme"))


@st.fragment(run_every=LOOK_AGAIN_SECONDS)
def _api(room: PageContext) -> None:
    """Asks again by itself; when the API is back, the whole page is made anew."""
    words, health = room.words, _health(room)
    if health is None:
        st.session_state[AWAY] = True
        st.error(words("side.away"), icon=":material/cloud_off:")
        return
    if st.session_state.pop(AWAY, False):
        st.rerun()
    if health.model_loaded:
        served = escape_markdown(words("side.serves", version=health.model_version))
        st.success(served, icon=":material/check_circle:")
    else:
        st.info(words("side.no_model"), icon=":material/hourglass_empty:")
    if health.reload_failure is not None:
        st.warning(words("side.reload_failed"), icon=":material/warning:")


def _health(room: PageContext) -> HealthView | None:
    try:
        return room.api_client.health()
    except (ApiUnavailable, RequestRejected):
        return None
