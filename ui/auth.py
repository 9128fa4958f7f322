"""Who may come in: everybody, or, where Streamlit's secrets configure OpenID Connect, who has signed in."""

import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError

from ui.i18n import Messages

NO_SECRETS = "no-secrets-found"
"""Streamlit's word for: there is no file of secrets."""


def is_open(words: Messages) -> bool:
    """Whether the page may be shown; if not, it asks to sign in."""
    if not _asks_who():
        return True
    if st.user.get("is_logged_in", False):
        st.sidebar.button(words("door.leave"), on_click=st.logout, icon=":material/logout:")
        return True
    st.title("Readmit")
    st.write(words("door.sign_in_first"))
    st.button(words("door.sign_in"), on_click=st.login, type="primary", icon=":material/login:")
    return False


def _asks_who() -> bool:
    try:
        return "auth" in st.secrets
    except StreamlitSecretNotFoundError as error:
        # A file that can't be read may have said who may come in: then nobody may.
        if error.error_id == NO_SECRETS:
            return False
        raise
