"""What each page needs: the texts in the session's language, the API client, and the display of its errors."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import streamlit as st

from readmit.settings import Settings, load
from ui.api_client import ApiClient, ApiUnavailable, RequestRejected
from ui.batch_source import BatchSource
from ui.escaping import escape_markdown
from ui.i18n import LANGUAGES, Messages, language_of, load_messages

T = TypeVar("T")
LANGUAGE = "language"
"""Session key of the selected language."""


@dataclass(frozen=True, slots=True)
class PageContext:
    """The context of one session. `mlflow`: MLflow's address for a browser.

    `batch_source`: None where the data API is on an EC2 instance, whose address changes.
    """

    t: Messages
    api_client: ApiClient
    batch_source: BatchSource | None
    mlflow: str

    def try_request(self, request: Callable[[], T]) -> T | None:
        """Return the response; show the error and return None when the request fails."""
        try:
            return request()
        except (ApiUnavailable, RequestRejected) as error:
            self.show_error(error)
            return None

    def show_error(self, error: ApiUnavailable | RequestRejected) -> None:
        """Show why a request failed."""
        if isinstance(error, RequestRejected):
            st.warning(escape_markdown(self.error_text(error)), icon=":material/block:")
            return
        st.error(self.t("unavailable.title"), icon=":material/cloud_off:")
        st.caption(escape_markdown(self.t("unavailable.address", address=error.address)))

    def error_text(self, error: RequestRejected) -> str:
        """Return the text of an error response."""
        key = f"rejected.{error.status}"
        detail = "; ".join(
            f"{self.t.label(field_error.field)}: {self.t.translate(field_error.message)}"
            if field_error.field
            else self.t.translate(field_error.message)
            for field_error in error.fields
        )
        if key in self.t.texts:
            return self.t(key, detail=detail or self.t.translate(error.message))
        return self.t("rejected.other", status=error.status, detail=detail or self.t.translate(error.message))


def current_context() -> PageContext:
    """Return the context of the current session, in the selected language or that of the browser.

    Numbers are those of the browser's region, also when another language is selected.
    """
    if st.session_state.get(LANGUAGE) not in LANGUAGES:
        st.session_state[LANGUAGE] = language_of(st.context.locale)
    mlflow = _settings().mlflow_page_url or _settings().mlflow_tracking_uri
    messages = load_messages(st.session_state[LANGUAGE], st.context.locale)
    return PageContext(messages, _api_client(), _batch_source(), mlflow.rstrip("/"))


@st.cache_resource(show_spinner=False)
def _settings() -> Settings:
    return load()


@st.cache_resource(show_spinner=False)
def _api_client() -> ApiClient:
    settings = _settings()
    key = None if settings.api_key is None else settings.secret("api_key")
    return ApiClient(settings.api_urls[0], key)


@st.cache_resource(show_spinner=False)
def _batch_source() -> BatchSource | None:
    settings = _settings()
    if settings.fixed_source_url is None:
        return None
    token = None if settings.source_token is None else settings.secret("source_token")
    return BatchSource(settings.fixed_source_url, token, settings.source_tls)
