"""Hostile requests that reach the API's framework: every response is a short, appropriate error."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from litestar.testing import TestClient
from pydantic import SecretStr

from api.app import create_app
from api.example import EXAMPLE
from api.fast_path import FastPath
from readmit.core.errors import RegistryUnavailable
from readmit.settings import Settings
from tests.api.conftest import LOCAL, TOKEN, FittedVersion, InMemoryModelSource, served
from tests.growth import QUADRATIC, growth

__all__ = ["served"]

Client = TestClient[FastPath]
WITH_TOKEN = {"Authorization": f"Bearer {TOKEN}"}
ROLLBACK = {"by": "m.alvarez", "why": "flags twice as many"}
MAX_ERROR_BYTES = 2_000
DEEP = "[" * 30_000
DEEP_BODIES = (
    DEEP,
    DEEP + "]" * 30_000,
    json.dumps(ROLLBACK)[:-1] + ', "x": ' + DEEP + "]" * 30_000 + "}",
    '{"by":' * 9_000,
)


@pytest.fixture(scope="module")
def client(served: FittedVersion) -> Iterator[Client]:
    settings = Settings(reload_token=SecretStr(TOKEN), model_poll_seconds=3600)
    with TestClient(
        create_app(InMemoryModelSource(served), settings), base_url=LOCAL, raise_server_exceptions=False
    ) as client:
        yield client


@pytest.mark.attack("hostile JSON", "api")
@pytest.mark.parametrize("kind", ["application/json", "text/plain", "", "application/vnd.api+json"])
@pytest.mark.parametrize("body", DEEP_BODIES)
def test_deep_json_gets_400_or_415_on_every_route_with_a_json_body(
    client: Client, body: str, kind: str, record_property: Any
) -> None:
    record_property("answer", "400")
    for path in ("/rollback", "/predict", "/predict?explain=true", "/predict_batch"):
        response = client.post(path, content=body, headers={**WITH_TOKEN, "Content-Type": kind})
        assert response.status_code in (400, 415), path
        assert response.status_code == 400 or kind not in ("application/json", "")
        assert len(response.content) < MAX_ERROR_BYTES


COSTLY_FAULTS: dict[str, Callable[[int], str]] = {
    "duplicate key after many keys": lambda n: "{" + ",".join(f'"{i}":0' for i in range(1_725 * n)) + ',"0":1}',
    "duplicate key after many texts": lambda n: '{"a":[' + '"",' * 5_250 * n + '1],"b":1,"b":2}',
    "duplicate key in a nest": lambda n: '{"a":' * 225 * n + "1" + ',"a":1}' * 225 * n,
    "constant after many texts": lambda n: '{"a":[' + '"",' * 5_250 * n + "NaN]}",
    "long number after many texts": lambda n: '{"a":[' + '"",' * 4_750 * n + "9" * 5_000 + "]}",
    "many brackets before a nest": lambda n: "[" + "[]," * 5_000 * n + "[" * 5_000,
    "many escapes in an open text": lambda n: '{"a":"' + "\\\\" * 8_000 * n,
    "many open texts": lambda n: '{"a":' + '"' * 16_249 * n,
}
"""Faulty bodies of about 16 kB, or 64 kB if n is 4."""


@pytest.mark.attack("hostile JSON", "api")
@pytest.mark.parametrize("body", COSTLY_FAULTS.values(), ids=COSTLY_FAULTS)
def test_the_time_to_locate_a_fault_in_64_kb_of_json_is_not_quadratic(
    client: Client, body: Callable[[int], str], record_property: Any
) -> None:
    record_property("answer", "400")
    quarter, whole = body(1), body(4)
    assert len(quarter) < len(whole) <= 65_536
    send = partial(client.post, "/predict", headers={"Content-Type": "application/json"})
    assert growth(partial(send, content=quarter), partial(send, content=whole)) < QUADRATIC
    response = send(content=whole)
    assert response.status_code == 400
    assert "line 1, column " in response.json()["error"]["message"]
    assert len(response.content) < MAX_ERROR_BYTES


@pytest.mark.attack("path traversal", "api")
@pytest.mark.parametrize(
    "name",
    ["%00", "a" * 5_000, "a/" * 2_000, "%2e%2e/%2e%2e/etc/passwd", "..%5c..%5cx", "%ff", "swagger-ui.css%00", "."],
)
def test_an_unknown_asset_gets_404(client: Client, name: str, record_property: Any) -> None:
    record_property("answer", "404")
    assert client.get(f"/docs/assets/{name}").status_code == 404


@pytest.mark.attack("oversized body", "api")
def test_more_than_64_kb_are_rejected_by_both_prediction_paths(client: Client, record_property: Any) -> None:
    record_property("answer", "413")
    body = json.dumps(EXAMPLE).encode()
    for path in ("/predict", "/predict?explain=true"):
        for size, status in ((65_536, 200), (65_537, 413)):
            response = client.post(path, content=body.ljust(size), headers={"Content-Type": "application/json"})
            assert response.status_code == status, path


@pytest.mark.attack("oversized body", "api")
@pytest.mark.parametrize("name", ["f{}", "encounter_i{}", "né{}"])
def test_the_time_for_64_kb_of_unknown_fields_is_not_quadratic(client: Client, name: str) -> None:
    quarter, whole = (
        json.dumps({name.format(number): 1 for number in range(count)}, ensure_ascii=False).encode()
        for count in (650, 2_600)
    )
    assert len(whole) <= 65_536
    send = partial(client.post, "/predict", headers={"Content-Type": "application/json"})
    assert growth(partial(send, content=quarter), partial(send, content=whole)) < QUADRATIC
    response = send(content=whole)
    assert response.status_code == 422
    assert len(response.content) < 10_000


@pytest.mark.attack("oversized echo", "api")
def test_echoed_input_is_short(client: Client, record_property: Any) -> None:
    record_property("answer", "shortened")
    long = "x" * 30_000
    responses = [
        client.post("/predict", content=b"{}", headers={"Content-Type": f"text/{long}"}),
        client.post("/predict", content=b"{}", headers={"Content-Type": f"application/json; charset={long}"}),
        client.post("/predict_batch", content=b"{}", headers={"Content-Type": f"text/{long}"}),
        client.post("/predict_batch", content=b"[]", headers={"Accept": long, "Content-Type": "application/json"}),
        client.post("/predict", json=EXAMPLE, headers={"X-Request-ID": long}),
        client.post("/predict", json=EXAMPLE, headers={"Content-Encoding": long}),
        client.get(f"/versions/{long}"),
        client.get(f"/nowhere/{long}"),
        client.get("/days", params={"page": long}),
        client.get("/days", params={"batch": long}),
        client.get("/statistics", params={"field": long}),
        client.get("/days", params={long: "1"}),
        client.request("X" * 3_000, "/predict"),
        client.post("/rollback", json={**ROLLBACK, "version": long}, headers=WITH_TOKEN),
        client.post("/rollback", json={**ROLLBACK, long: "1"}, headers=WITH_TOKEN),
        client.post("/rollback", json={**ROLLBACK, "by": long}, headers=WITH_TOKEN),
    ]
    for response in responses:
        assert len(response.content) < MAX_ERROR_BYTES, response.request.url
        assert all(len(value) < MAX_ERROR_BYTES for value in response.headers.values())


@pytest.mark.attack("internal addresses", "api")
@pytest.mark.parametrize("path", ["/", "/health", "/health/ready"])
def test_health_has_no_internal_address(served: FittedVersion, path: str) -> None:
    model_source = InMemoryModelSource(served)
    model_source.registry_error = RegistryUnavailable("MLflow at http://mlflow:5000 does not answer: ConnectError")
    with TestClient(create_app(model_source, Settings(model_poll_seconds=3600)), base_url=LOCAL) as client:
        response = client.get(path)
    assert "registry is unavailable" in response.json()["reload_failure"]
    assert "mlflow:5000" not in response.text
    assert "http" not in response.text.replace("http_", "")
