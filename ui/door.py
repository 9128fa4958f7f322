"""Who may come in: everybody, or, where Streamlit's secrets configure OpenID Connect, who has signed in."""

import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError

from ui.speaking import Words


def is_open(words: Words) -> bool:
    """Whether the page may be shown; if not, it asks to sign in."""
    if not _asks_who():
        return True
    if st.user.is_logged_in:
        st.sidebar.button(words("door.leave"), on_click=st.logout, icon=":material/logout:")
        return True
    st.title("Readmit")
    st.write(words("door.sign_in_first"))
    st.button(words("door.sign_in"), on_click=st.login, type="primary", icon=":material/login:")
    return False


def _asks_who() -> bool:
    try:
        return "auth" in st.secrets
    except StreamlitSecretNotFoundError:
        return False
