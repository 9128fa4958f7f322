from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from pydantic import SecretStr
from streamlit.testing.v1 import AppTest

from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate
from readmit.settings import Settings
from tests.api.conftest import TOKEN, address, later, model_source, served
from tests.api.registry import answer_mlflow
from tests.io.conftest import StubResponse, stub_server
from ui.page_context import LANGUAGE

__all__ = ["address", "later", "model_source", "served", "stub_server"]
SCRIPT = """
from ui import {module}
from ui.page_context import current_context

{module}.show(current_context())
"""
MODULES = {"many": "batch_page"}
"""Module of a page that is not named after its URL path."""

Visit = Callable[..., AppTest]


@pytest.fixture
def settings(tmp_path: Path, stub_server: Callable[[Callable[[str], StubResponse]], str]) -> Settings:
    """Settings of an inference API with temporary stores and a registry of two versions."""
    database, mlflow = f"sqlite:///{tmp_path / 'db'}", stub_server(answer_mlflow)
    connect(database)
    migrate()
    services = (("mlflow", f"{mlflow}/health"), ("grafana", "http://127.0.0.1:9/"))
    return Settings(
        reload_token=SecretStr(TOKEN),
        model_poll_seconds=3600,
        database_url=database,
        mlflow_tracking_uri=mlflow,
        services=services,
        pages=(("mlflow", "http://127.0.0.1:5000"), ("grafana", "http://127.0.0.1:3000")),
    )


@pytest.fixture
def visit(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Visit]:
    """Open a page, by its URL path, in a language, on an inference API that serves a model."""
    monkeypatch.setenv("READMIT_API_URLS", address)
    st.cache_resource.clear()

    def open_page(page: str, language: str = "en") -> AppTest:
        app = AppTest.from_string(SCRIPT.format(module=MODULES.get(page, f"{page}_page")), default_timeout=30)
        app.session_state[LANGUAGE] = language
        return app.run()

    yield open_page
    st.cache_resource.clear()
