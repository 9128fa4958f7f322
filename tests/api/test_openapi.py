"""What the OpenAPI document says holds, whatever schemathesis makes of it: no 5xx, no status that it does not name.

A handful of cases for each route here; `just ops::fuzz` makes thousands.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as cases
from litestar.testing import TestClient
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.app import create_app
from api.registered_models import RegisteredModels
from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate
from readmit.io.model_cache import ModelCache
from readmit.io.registry.rest_registry import RestRegistry
from readmit.settings import Settings
from tests.api.conftest import LOCAL, Shelf
from tests.api.registry import registry
from tests.io.conftest import Answer, answering

__all__ = ["answering"]

CASES = int(os.environ.get("READMIT_TEST_CASES", "20"))
"""For each route."""
HELD = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
TOKEN = {"Authorization": "Bearer a token of the tests"}


def _operations(folder: str) -> dict[str, Any]:
    """What the document names, by method and path."""
    app = create_app(RegisteredModels(RestRegistry("http://127.0.0.1:1"), ModelCache(Path(folder))), Settings()).app
    document = schemathesis.openapi.from_dict(app.openapi_schema.to_schema())
    found = (result.ok() for result in document.get_all_operations())
    # Litestar has its routes in a set: two processes that share the tests would not agree on their order.
    named = {f"{each.method.upper()} {each.path}": each for each in found}
    return {name: named[name] for name in sorted(named)}


OPERATIONS = _operations(os.devnull)
READING = [name for name in OPERATIONS if re.match(r"GET /(days|batches|quarantine|versions|statistics)", name)]


@pytest.fixture
def settings(settings: Settings, tmp_path: Path, answering: Callable[[Callable[[str], Answer]], str]) -> Settings:
    """With stores that answer."""
    stores = {"database_url": f"sqlite:///{tmp_path / 'db'}", "mlflow_tracking_uri": answering(registry)}
    connect(stores["database_url"])
    migrate()
    return settings.model_copy(update=stores)


@pytest.mark.parametrize("headers", [{}, TOKEN], ids=["anybody", "who-may"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_route_answers_as_the_document_says(address: str, operation: str, headers: dict[str, str]) -> None:
    @cases(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(case=OPERATIONS[operation].as_strategy())
    def holds(case: Any) -> None:
        case.call_and_validate(base_url=address, checks=HELD, headers=headers)

    holds()


@pytest.mark.parametrize("operation", READING)
def test_with_the_stores_away_a_reading_route_says_so_as_the_document_has_it(shelf: Shelf, operation: str) -> None:
    away = Settings(database_url="mysql://reader:x@127.0.0.1:9", mlflow_tracking_uri="http://127.0.0.1:9")
    with TestClient(create_app(shelf, away), base_url=LOCAL) as client:
        answer = client.get(operation.removeprefix("GET ").replace("{number}", "1"))
    assert answer.status_code == 503
    assert "503" in OPERATIONS[operation].definition.raw["responses"]
