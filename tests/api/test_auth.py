from collections.abc import Iterator
from typing import Any

import pytest
from litestar.testing import TestClient
from pydantic import SecretStr

from api.app import create_app
from api.example import EXAMPLE
from api.fast_path import FastPath
from readmit.core.errors import RegistryUnavailable
from readmit.settings import Settings
from tests.api.conftest import LOCAL

Client = TestClient[FastPath]
KEY = "a key of the tests"
PREDICTIONS = [("/predict", EXAMPLE), ("/predict?explain=true", EXAMPLE), ("/predict_batch", [EXAMPLE])]


@pytest.fixture
def keyed(model_source: Any, settings: Settings) -> Iterator[Client]:
    with TestClient(
        create_app(model_source, settings.model_copy(update={"api_key": SecretStr(KEY)})), base_url=LOCAL
    ) as client:
        yield client


@pytest.mark.parametrize(("path", "body"), PREDICTIONS)
def test_predictions_require_the_key_where_one_is_set(keyed: Client, path: str, body: object) -> None:
    for wrong in ({}, {"X-API-Key": "another"}, {"X-API-Key": ""}, {"Authorization": f"Bearer {KEY}"}):
        response = keyed.post(path, json=body, headers=wrong)
        assert response.status_code == 401
        assert "X-API-Key" in response.json()["error"]["message"]
    assert keyed.post(path, json=body, headers={"X-API-Key": KEY}).status_code == 200


def test_the_model_route_requires_the_key_and_the_health_routes_do_not(keyed: Client) -> None:
    assert keyed.get("/model").status_code == 401
    assert keyed.get("/model", headers={"X-API-Key": KEY}).status_code == 200
    for path in ("/", "/health", "/health/live", "/health/ready", "/metrics", "/schema", "/docs"):
        assert keyed.get(path).status_code == 200


def test_the_api_key_does_not_authorize_changes(keyed: Client) -> None:
    assert keyed.post("/reload_model", headers={"X-API-Key": KEY}).status_code == 401


def test_no_key_is_required_where_none_is_set(client: Client) -> None:
    assert client.post("/predict", json=EXAMPLE, headers={"X-API-Key": "whatever"}).status_code == 200


def test_a_browser_allows_no_request_from_another_site(client: Client) -> None:
    headers = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    options, post = client.options("/predict", headers=headers), client.post("/predict", json=EXAMPLE, headers=headers)
    for response in (options, post):
        assert not [name for name in response.headers if name.lower().startswith("access-control")]


TOKEN = {"Authorization": "Bearer a token of the tests"}
REQUEST = {"by": "m.alvarez", "why": "flags twice as many"}


def test_after_a_rollback_the_previous_version_serves_at_once(client: Client, model_source: Any, later: Any) -> None:
    model_source.promote(later)
    client.post("/reload_model", headers=TOKEN)
    response = client.post("/rollback", json=REQUEST, headers=TOKEN)
    assert response.json() == {"version": "1", "before": "2", "served": True}
    assert client.post("/predict", json=EXAMPLE).json()["model_version"] == "1"
    again = client.post("/rollback", json={**REQUEST, "version": "2"}, headers=TOKEN)
    assert again.json() == {"version": "2", "before": "1", "served": True}


def test_a_rollback_to_a_version_that_cannot_be_loaded_reports_that_it_is_not_served(
    client: Client, model_source: Any, later: Any, additive: Any
) -> None:
    # Two promotions on: the previous version is in memory and does not have to be loaded.
    for model in (later, additive):
        model_source.promote(model)
        client.post("/reload_model", headers=TOKEN)
    model_source.artifact_error = OSError("artifact is cut")
    assert client.post("/rollback", json={**REQUEST, "version": "1"}, headers=TOKEN).json()["served"] is False
    assert client.post("/predict", json=EXAMPLE).json()["model_version"] == "3"
    assert "OSError" in client.get("/health/ready").json()["reload_failure"]


def test_a_rollback_without_the_token_gets_401_and_changes_nothing(
    keyed: Client, model_source: Any, later: Any
) -> None:
    model_source.promote(later)
    for headers in ({}, {"X-API-Key": KEY}, {"Authorization": "Bearer x"}):
        assert keyed.post("/rollback", json=REQUEST, headers=headers).status_code == 401
    assert model_source.alias == later.version


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        ({"by": "me"}, 400, "why"),
        ({**REQUEST, "why": " "}, 422, "why"),
        ({**REQUEST, "by": "x" * 201}, 422, "by"),
        ({**REQUEST, "whom": "x"}, 400, "whom"),
        ({**REQUEST, "version": 3}, 400, "version"),
        ({**REQUEST, "version": "77"}, 409, "77"),
        (REQUEST, 409, "served before"),
    ],
)
def test_an_invalid_rollback_is_rejected_with_its_reason(
    client: Client, body: dict[str, object], status: int, named: str
) -> None:
    response = client.post("/rollback", json=body, headers=TOKEN)
    assert response.status_code == status
    assert named in response.text


def test_a_rollback_without_the_registry_gets_503(client: Client, model_source: Any) -> None:
    model_source.registry_error = RegistryUnavailable("http://127.0.0.1:1 does not answer")
    response = client.post("/rollback", json=REQUEST, headers=TOKEN)
    assert response.status_code == 503
    assert "registry is unavailable" in response.json()["error"]["message"]
