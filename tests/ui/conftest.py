from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from pydantic import SecretStr
from streamlit.testing.v1 import AppTest

from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate
from readmit.settings import Settings
from tests.api.conftest import TOKEN, address, later, served, shelf
from tests.api.registry import registry
from tests.io.conftest import Answer, answering
from ui.page_context import LANGUAGE

__all__ = ["address", "answering", "later", "served", "shelf"]
SCRIPT = """
from ui import {page}
from ui.page_context import enter

{page}.show(enter())
"""

Visit = Callable[..., AppTest]


@pytest.fixture
def settings(tmp_path: Path, answering: Callable[[Callable[[str], Answer]], str]) -> Settings:
    """Of an inference API over stores of the test's own, and a registry of two versions."""
    database, mlflow = f"sqlite:///{tmp_path / 'db'}", answering(registry)
    connect(database)
    migrate()
    named = (("mlflow", f"{mlflow}/health"), ("grafana", "http://127.0.0.1:9/"))
    return Settings(
        reload_token=SecretStr(TOKEN),
        model_poll_seconds=3600,
        database_url=database,
        mlflow_tracking_uri=mlflow,
        services=named,
        pages=(("mlflow", "http://127.0.0.1:5000"), ("grafana", "http://127.0.0.1:3000")),
    )


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
