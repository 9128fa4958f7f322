"""What every page of the page is given: its words, and whom to ask; and how it says that nobody answers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import streamlit as st

from readmit.settings import Settings, load
from ui.api_client import ApiClient, ApiUnavailable, RequestRejected
from ui.escaping import escape_markdown
from ui.i18n import LANGUAGES, Messages, language_of, words

T = TypeVar("T")
LANGUAGE = "language"
"""Key of the session: the language that was chosen."""


@dataclass(frozen=True, slots=True)
class PageContext:
    """One visit. `mlflow`: its address for a browser."""

    words: Messages
    api_client: ApiClient
    mlflow: str

    def try_request(self, question: Callable[[], T]) -> T | None:
        """The answer; None, and it stands on the page why, when there is none."""
        try:
            return question()
        except (ApiUnavailable, RequestRejected) as error:
            self.show_error(error)
            return None

    def show_error(self, error: ApiUnavailable | RequestRejected) -> None:
        """Says on the page why there is no answer."""
        if isinstance(error, RequestRejected):
            st.warning(escape_markdown(self.error_text(error)), icon=":material/block:")
            return
        st.error(self.words("away.title"), icon=":material/cloud_off:")
        st.caption(escape_markdown(self.words("away.what_now", address=error.address)))

    def error_text(self, error: RequestRejected) -> str:
        """Why the API said no."""
        known = f"refused.{error.status}"
        said = "; ".join(
            f"{self.words.label(fault.field)}: {self.words.said(fault.message)}" if fault.field else fault.message
            for fault in error.fields
        )
        if known in self.words.texts:
            return self.words(known, said=said or self.words.said(error.message))
        return self.words("refused.other", status=error.status, said=said or self.words.said(error.message))


def enter() -> PageContext:
    """The room of this visit, in the language that was chosen, or that the browser asks for."""
    if st.session_state.get(LANGUAGE) not in LANGUAGES:
        st.session_state[LANGUAGE] = language_of(st.context.locale)
    mlflow = _settings().mlflow_page_url or _settings().mlflow_tracking_uri
    return PageContext(words(st.session_state[LANGUAGE]), _asking(), mlflow.rstrip("/"))


@st.cache_resource(show_spinner=False)
def _settings() -> Settings:
    return load()


@st.cache_resource(show_spinner=False)
def _asking() -> ApiClient:
    settings = _settings()
    key = None if settings.api_key is None else settings.secret("api_key")
    return ApiClient(settings.api_urls[0], settings.source_url, key)
