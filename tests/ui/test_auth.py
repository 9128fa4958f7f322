"""Access to the page with and without a sign-in provider."""

from pathlib import Path

import pytest
import streamlit as st
from streamlit import config
from streamlit.runtime.secrets import secrets_singleton
from streamlit.testing.v1 import AppTest

from ui.page_context import LANGUAGE

PAGE = Path(__file__).parents[2] / "ui/app.py"
PROVIDER = {
    "client_id": "readmit",
    "client_secret": "x",
    "server_metadata_url": "http://127.0.0.1:9/",
    "cookie_secret": "y",
}


@pytest.fixture(autouse=True)
def _unavailable_api(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READMIT_API_URLS", "http://127.0.0.1:9")
    st.cache_resource.clear()


def open_page() -> AppTest:
    app = AppTest.from_file(PAGE, default_timeout=30)
    app.session_state[LANGUAGE] = "en"
    return app


def titles(app: AppTest) -> list[str]:
    return [str(title.value) for title in app.title]


def test_without_a_provider_the_page_is_open() -> None:
    assert titles(open_page().run()) == ["Risk of readmission"]


def test_with_a_provider_users_must_sign_in_first() -> None:
    app = open_page()
    app.secrets["auth"] = PROVIDER
    app.run()
    assert titles(app) == ["Readmit"]
    assert [button.label for button in app.button] == ["Sign in"]


def test_with_an_unreadable_secrets_file_the_page_is_closed(tmp_path: Path) -> None:
    (broken := tmp_path / "secrets.toml").write_text("[auth")
    before = config.get_option("secrets.files")
    config.set_option("secrets.files", [str(broken)])
    secrets_singleton._reset()
    try:
        app = open_page().run()
        assert app.exception
        assert titles(app) == []
    finally:
        config.set_option("secrets.files", before)
        secrets_singleton._reset()
