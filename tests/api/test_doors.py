from collections.abc import Iterator
from typing import Any

import pytest
from litestar.testing import TestClient
from pydantic import SecretStr

from api.app import create_app
from api.example import EXAMPLE
from api.lane import Lane
from readmit.settings import Settings

Client = TestClient[Lane]
KEY = "a key of the tests"
PREDICTIONS = [("/predict", EXAMPLE), ("/predict?explain=true", EXAMPLE), ("/predict_batch", [EXAMPLE])]


@pytest.fixture
def keyed(shelf: Any, settings: Settings) -> Iterator[Client]:
    with TestClient(create_app(shelf, settings.model_copy(update={"api_key": SecretStr(KEY)}))) as client:
        yield client


@pytest.mark.parametrize(("path", "body"), PREDICTIONS)
def test_predictions_ask_for_the_key_where_one_is_set(keyed: Client, path: str, body: object) -> None:
    for wrong in ({}, {"X-API-Key": "another"}, {"X-API-Key": ""}, {"Authorization": f"Bearer {KEY}"}):
        response = keyed.post(path, json=body, headers=wrong)
        assert response.status_code == 401
        assert "X-API-Key" in response.json()["error"]["message"]
    assert keyed.post(path, json=body, headers={"X-API-Key": KEY}).status_code == 200


def test_what_tells_of_the_model_asks_for_the_key_and_what_tells_of_health_does_not(keyed: Client) -> None:
    assert keyed.get("/model").status_code == 401
    assert keyed.get("/model", headers={"X-API-Key": KEY}).status_code == 200
    for path in ("/", "/health", "/health/live", "/health/ready", "/metrics", "/schema", "/docs"):
        assert keyed.get(path).status_code == 200


def test_the_key_of_predictions_changes_nothing(keyed: Client) -> None:
    assert keyed.post("/reload_model", headers={"X-API-Key": KEY}).status_code == 401


def test_nobody_is_asked_for_a_key_where_none_is_set(client: Client) -> None:
    assert client.post("/predict", json=EXAMPLE, headers={"X-API-Key": "whatever"}).status_code == 200


def test_no_other_site_may_ask_through_a_browser(client: Client) -> None:
    asked = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    for response in (client.options("/predict", headers=asked), client.post("/predict", json=EXAMPLE, headers=asked)):
        assert not [name for name in response.headers if name.lower().startswith("access-control")]
