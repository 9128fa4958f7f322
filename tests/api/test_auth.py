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
def keyed(shelf: Any, settings: Settings) -> Iterator[Client]:
    with TestClient(
        create_app(shelf, settings.model_copy(update={"api_key": SecretStr(KEY)})), base_url=LOCAL
    ) as client:
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


TOKEN = {"Authorization": "Bearer a token of the tests"}
ASKED = {"by": "m.alvarez", "why": "flags twice as many"}


def test_a_rollback_serves_the_version_before_at_once(client: Client, shelf: Any, later: Any) -> None:
    shelf.promote(later)
    client.post("/reload_model", headers=TOKEN)
    response = client.post("/rollback", json=ASKED, headers=TOKEN)
    assert response.json() == {"version": "1", "before": "2", "served": True}
    assert client.post("/predict", json=EXAMPLE).json()["model_version"] == "1"
    again = client.post("/rollback", json={**ASKED, "version": "2"}, headers=TOKEN)
    assert again.json() == {"version": "2", "before": "1", "served": True}


def test_a_rollback_to_what_cannot_be_loaded_says_that_it_is_not_served(
    client: Client, shelf: Any, later: Any, additive: Any
) -> None:
    # Two promotions on: the version before the one that is served is in memory, and needs no loading.
    for model in (later, additive):
        shelf.promote(model)
        client.post("/reload_model", headers=TOKEN)
    shelf.damaged = OSError("artifact is cut")
    assert client.post("/rollback", json={**ASKED, "version": "1"}, headers=TOKEN).json()["served"] is False
    assert client.post("/predict", json=EXAMPLE).json()["model_version"] == "3"
    assert "OSError" in client.get("/health/ready").json()["reload_failure"]


def test_a_rollback_without_the_token_gets_401_and_moves_nothing(keyed: Client, shelf: Any, later: Any) -> None:
    shelf.promote(later)
    for headers in ({}, {"X-API-Key": KEY}, {"Authorization": "Bearer x"}):
        assert keyed.post("/rollback", json=ASKED, headers=headers).status_code == 401
    assert shelf.alias == later.version


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        ({"by": "me"}, 400, "why"),
        ({**ASKED, "why": " "}, 422, "why"),
        ({**ASKED, "by": "x" * 201}, 422, "by"),
        ({**ASKED, "whom": "x"}, 400, "whom"),
        ({**ASKED, "version": 3}, 400, "version"),
        ({**ASKED, "version": "77"}, 409, "77"),
        (ASKED, 409, "served before"),
    ],
)
def test_a_rollback_that_cannot_be_is_refused_with_its_reason(
    client: Client, body: dict[str, object], status: int, named: str
) -> None:
    response = client.post("/rollback", json=body, headers=TOKEN)
    assert response.status_code == status
    assert named in response.text


def test_without_its_registry_nobody_can_go_back(client: Client, shelf: Any) -> None:
    shelf.away = RegistryUnavailable("http://127.0.0.1:1 does not answer")
    response = client.post("/rollback", json=ASKED, headers=TOKEN)
    assert response.status_code == 503
    assert "does not answer" in response.json()["error"]["message"]
