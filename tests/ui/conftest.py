from collections.abc import Callable, Iterator

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.api.conftest import address, served, settings, shelf
from ui.room import LANGUAGE

__all__ = ["address", "served", "settings", "shelf"]
SCRIPT = """
from ui import {page}
from ui.room import enter

{page}.show(enter())
"""

Visit = Callable[..., AppTest]


@pytest.fixture
def visit(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Visit]:
    """Opens one of the pages, in a language, on an inference API that serves."""
    monkeypatch.setenv("READMIT_API_URLS", address)
    st.cache_resource.clear()

    def visited(page: str, language: str = "en") -> AppTest:
        app = AppTest.from_string(SCRIPT.format(page=page), default_timeout=30)
        app.session_state[LANGUAGE] = language
        return app.run()

    yield visited
    st.cache_resource.clear()
