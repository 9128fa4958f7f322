"""The OpenAPI document: what it names, and that the API behaves as documented for requests made by schemathesis.

No response is a 5xx or has an undocumented status. A few cases per route here; `just ops::fuzz` runs thousands.
"""

import json
import os
import re
from collections.abc import Callable
from copy import deepcopy
from importlib.metadata import version
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
from api.openapi import SCHEMA_NAMES
from api.registered_models import RegisteredModels
from readmit.core.encounter import BY_NAME, DISPOSITION, EXCLUDED_DISPOSITIONS
from readmit.core.request import ACCEPTED_FIELDS
from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate
from readmit.io.model_cache import ModelCache
from readmit.io.registry.rest_registry import RestRegistry
from readmit.settings import Settings
from tests.api.conftest import LOCAL, InMemoryModelSource
from tests.api.registry import answer_mlflow
from tests.io.conftest import StubResponse, stub_server

__all__ = ["stub_server"]

CASES = int(os.environ.get("READMIT_TEST_CASES", "20"))
"""For each route."""
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
TOKEN = {"Authorization": "Bearer a token of the tests"}
DOCUMENTED = {
    "POST /predict": ("predict", "prediction"),
    "POST /predict_batch": ("predict_batch", "prediction"),
    "GET /model": ("model", "model"),
    "GET /versions": ("versions", "model"),
    "GET /versions/{number}": ("version", "model"),
    "GET /model/card": ("model_card", "model"),
    "GET /versions/{number}/card": ("version_card", "model"),
    "GET /prospective": ("prospective", "model"),
    "GET /versions/{number}/evaluation": ("evaluation", "model"),
    "POST /reload_model": ("reload_model", "model"),
    "POST /rollback": ("rollback", "model"),
    "GET /batches": ("batches", "data"),
    "GET /quarantine": ("quarantine", "data"),
    "GET /statistics": ("statistics", "data"),
    "GET /": ("root", "operations"),
    "GET /health": ("health", "operations"),
    "GET /health/live": ("live", "operations"),
    "GET /health/ready": ("ready", "operations"),
    "GET /days": ("days", "operations"),
    "GET /services": ("services", "operations"),
    "GET /metrics": ("metrics_text", "operations"),
    "GET /schema": ("schema", "documentation"),
    "GET /schema/openapi.json": ("openapi_json", "documentation"),
    "GET /docs": ("docs", "documentation"),
    "GET /docs/assets/{file_path}": ("asset", "documentation"),
}
"""The operationId, which is the name of the function, and the tag of each route."""


def _operations(document: dict[str, Any]) -> dict[str, Any]:
    """Return the operations of the document by method and path."""
    results = (result.ok() for result in schemathesis.openapi.from_dict(deepcopy(document)).get_all_operations())
    # Litestar keeps its routes in a set: two processes that share the tests would not agree on their order.
    by_name = {f"{operation.method.upper()} {operation.path}": operation for operation in results}
    return {name: by_name[name] for name in sorted(by_name)}


APP: Any = create_app(
    RegisteredModels(RestRegistry("http://127.0.0.1:1"), ModelCache(Path(os.devnull))), Settings()
).app
DOCUMENT: dict[str, Any] = APP.openapi_schema.to_schema()
SCHEMAS = DOCUMENT["components"]["schemas"]
OPERATIONS = _operations(DOCUMENT)
READ_ROUTES = r"GET /(days|batches|quarantine|versions|prospective|statistics)"
READ_OPERATIONS = [name for name in OPERATIONS if re.match(READ_ROUTES, name)]


def described(name: str) -> dict[str, Any]:
    """Return the document's description of an operation."""
    method, path = name.split()
    operation: dict[str, Any] = DOCUMENT["paths"][path][method.lower()]
    return operation


@pytest.fixture
def settings(
    settings: Settings, tmp_path: Path, stub_server: Callable[[Callable[[str], StubResponse]], str]
) -> Settings:
    """Settings with a database and a registry that respond."""
    stores = {"database_url": f"sqlite:///{tmp_path / 'db'}", "mlflow_tracking_uri": stub_server(answer_mlflow)}
    connect(stores["database_url"])
    migrate()
    return settings.model_copy(update=stores)


@pytest.mark.parametrize("headers", [{}, TOKEN], ids=["anonymous", "authorized"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_route_behaves_as_documented(address: str, operation: str, headers: dict[str, str]) -> None:
    @cases(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(case=OPERATIONS[operation].as_strategy())
    def check(case: Any) -> None:
        case.call_and_validate(base_url=address, checks=CHECKS, headers=headers)

    check()


@pytest.mark.parametrize("operation", READ_OPERATIONS)
def test_with_the_stores_unavailable_a_read_route_returns_503_as_documented(
    model_source: InMemoryModelSource, operation: str
) -> None:
    unavailable = Settings(database_url="mysql://reader:x@127.0.0.1:9", mlflow_tracking_uri="http://127.0.0.1:9")
    with TestClient(create_app(model_source, unavailable), base_url=LOCAL) as client:
        response = client.get(operation.removeprefix("GET ").replace("{number}", "1"))
    assert response.status_code == 503
    assert "503" in OPERATIONS[operation].definition.raw["responses"]


def test_operation_ids_are_the_names_of_the_functions_and_each_operation_has_one_tag() -> None:
    documented = {name: (described(name)["operationId"], *described(name)["tags"]) for name in OPERATIONS}
    assert documented == DOCUMENTED
    assert {tag["name"] for tag in DOCUMENT["tags"]} == {tag for _, tag in DOCUMENTED.values()}
    assert all(tag["description"] for tag in DOCUMENT["tags"])


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_has_a_summary_and_a_description_of_one_or_two_sentences(operation: str) -> None:
    summary, description = described(operation)["summary"], described(operation)["description"]
    assert re.fullmatch(r"[A-Z][a-z]+( [a-z]+)+", summary)
    assert description.endswith(".")
    assert 1 <= len(re.findall(r"\.(?=\s|$)", description)) <= 2


def test_an_encounter_is_a_component_that_both_prediction_routes_refer_to() -> None:
    reference = {"$ref": "#/components/schemas/Encounter"}
    one, batch = (
        described(f"POST {path}")["requestBody"]["content"]["application/json"]["schema"]
        for path in ("/predict", "/predict_batch")
    )
    assert one == reference
    assert (batch["type"], batch["items"]) == ("array", reference)
    assert SCHEMAS["Encounter"]["type"] == "object"


def test_the_document_has_every_route_of_the_app() -> None:
    served = {
        f"{method} {route.path_format}"
        for route in APP.routes
        for method in route.methods
        if method not in ("HEAD", "OPTIONS")
    }
    assert set(OPERATIONS) == served


def test_every_reference_is_to_a_component() -> None:
    references = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(DOCUMENT)))
    assert references == set(SCHEMAS)


def test_every_closed_set_of_values_is_a_named_component_and_none_is_inlined() -> None:
    assert "enum" not in json.dumps(SCHEMAS["Encounter"])
    assert set(SCHEMA_NAMES) == {name for name in ACCEPTED_FIELDS if BY_NAME[name].choices or BY_NAME[name].pattern}
    for name, schema_name in SCHEMA_NAMES.items():
        field, schema = BY_NAME[name], SCHEMAS[schema_name]
        excluded = EXCLUDED_DISPOSITIONS if name == DISPOSITION else ()
        assert [str(value) for value in schema.get("enum", [])] == [
            choice for choice in field.choices if choice not in excluded
        ]
        assert f"#/components/schemas/{schema_name}" in json.dumps(SCHEMAS["Encounter"]["properties"][name])
    enums = [json.dumps(SCHEMAS[name].get("enum") or SCHEMAS[name]["pattern"]) for name in set(SCHEMA_NAMES.values())]
    assert len(set(enums)) == len(enums), "two components have the same values"


def test_the_document_has_the_version_of_the_package() -> None:
    assert DOCUMENT["info"]["version"] == version("readmit")
