import re
from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient

from api import openapi_examples, schemas
from api.fast_path import FastPath

Client = TestClient[FastPath]


def operations(client: Client) -> list[tuple[str, dict[str, Any]]]:
    paths = client.get("/schema").json()["paths"]
    return [(f"{method} {path}", item) for path, methods in paths.items() for method, item in methods.items()]


def test_the_page_and_all_its_assets_come_from_the_api_itself(client: Client) -> None:
    page = client.get("/docs").text
    assets = re.findall(r"""(?:src|href)=["']?([^"' >]+)""", page)
    assert len(assets) >= 3
    for address in assets:
        assert address.startswith("/docs/assets/"), address
        response = client.get(address)
        assert response.status_code == 200
        assert len(response.content) > 500
    assert not re.search(r"https?://", page.split("const")[0])


def test_files_other_than_the_pages_assets_are_not_served(client: Client) -> None:
    for path in (
        "/docs/assets/../../__init__.py",
        "/docs/assets/%2e%2e/flask_swagger_ui.py",
        "/docs/assets/nothing.js",
    ):
        assert client.get(path).status_code == 404


def test_every_route_has_an_example_of_its_response_and_of_an_error(client: Client) -> None:
    documented = operations(client)
    assert len(documented) >= 8
    for name, operation in documented:
        for status, response in operation["responses"].items():
            if name.endswith("/health/ready") and status == "503":
                continue
            if status == "200" and name.startswith("get /docs"):
                continue
            kind = "text/plain" if (name, status) == ("get /metrics", "200") else "application/json"
            assert response["content"][kind]["examples"], f"{name} {status}"


def test_the_example_of_every_request_body_gets_a_prediction(client: Client) -> None:
    for name, operation in operations(client):
        method, path = name.split()
        for kind, body in operation.get("requestBody", {}).get("content", {}).items():
            if kind == "application/json" and path.startswith("/predict"):
                (example,) = body["examples"].values()
                assert client.request(method, path, json=example["value"]).status_code == 200
            elif kind == "text/csv":
                (example,) = body["examples"].values()
                response = client.request(method, path, content=example["value"], headers={"Content-Type": kind})
                assert "error" not in response.json()["predictions"][0]


@pytest.mark.parametrize(
    ("example", "kind"),
    [
        (openapi_examples.PREDICTION, schemas.PredictionResponse),
        (openapi_examples.ERROR, schemas.ErrorResponse),
        (openapi_examples.HEALTH, schemas.HealthResponse),
        (openapi_examples.LIVENESS, schemas.LivenessResponse),
        (openapi_examples.MODEL, schemas.ModelResponse),
        (openapi_examples.RELOAD, schemas.ReloadResponse),
    ],
)
def test_an_example_is_valid_for_its_type(example: object, kind: type) -> None:
    assert msgspec.to_builtins(msgspec.convert(example, kind)).keys() == example.keys()  # type: ignore[attr-defined]


def test_the_example_of_a_batch_has_a_prediction_an_error_and_a_row_without_a_prediction() -> None:
    prediction, error, not_applicable = openapi_examples.BATCH_PREDICTION["predictions"]
    msgspec.convert(prediction, schemas.PredictionResponse)
    msgspec.convert(error, schemas.RejectedRow)
    msgspec.convert(not_applicable, schemas.NotApplicableRow)
