"""Access to the page: open, or by OpenID Connect where Streamlit's secrets configure a provider."""

import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError

from ui.i18n import Messages

NO_SECRETS = "no-secrets-found"
"""Streamlit's error id for a missing secrets file."""


def is_open(t: Messages) -> bool:
    """Return whether the page may be shown; show the sign-in button if not."""
    if not _requires_login():
        return True
    if st.user.get("is_logged_in", False):
        st.sidebar.button(t("auth.sign_out"), on_click=st.logout, icon=":material/logout:")
        return True
    st.title("Readmit")
    st.write(t("auth.sign_in_first"))
    st.button(t("auth.sign_in"), on_click=st.login, type="primary", icon=":material/login:")
    return False


def _requires_login() -> bool:
    try:
        return "auth" in st.secrets
    except StreamlitSecretNotFoundError as error:
        # Fail closed: an unreadable file may configure a provider.
        if error.error_id == NO_SECRETS:
            return False
        raise
