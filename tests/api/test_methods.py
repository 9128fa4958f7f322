"""The methods of every route: HEAD wherever there is GET, and a 405 that lists those it has (RFC 9110, 9.1, 15.5.6).

The routes are those of the app itself, so that a new one is tested, too.
"""

import asyncio
import os
import socket
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from litestar.testing import TestClient
from pydantic import SecretStr

from api.app import create_app
from api.fast_path import FastPath
from api.registered_models import RegisteredModels
from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate
from readmit.io.model_cache import ModelCache
from readmit.io.registry.rest_registry import RestRegistry
from readmit.settings import Settings
from tests.api.conftest import LOCAL, InMemoryModelSource
from tests.api.registry import answer_mlflow
from tests.api.test_metrics import AsgiClient, metric
from tests.io.conftest import StubResponse, stub_server

__all__ = ["stub_server"]

Client = TestClient[FastPath]
PARAMETERS = {"{number:str}": "2", "{file_path:path}": "swagger-ui.css"}
OF_THE_RESPONSE = {"date", "x-request-id", "content-length"}
"""Headers that may differ between two responses; the length of the metrics does."""


def routes() -> dict[str, set[str]]:
    """Return the methods of each path of the app, with its parameters filled."""
    models = RegisteredModels(RestRegistry("http://127.0.0.1:1"), ModelCache(Path(os.devnull)))
    app = create_app(models, Settings()).app
    paths = {}
    for route in app.routes:  # type: ignore[attr-defined]  # Litestar's app
        path = route.path
        for parameter, value in PARAMETERS.items():
            path = path.replace(parameter, value)
        paths[path] = set(route.methods)
    return dict(sorted(paths.items()))


ROUTES = routes()
READ = [path for path, methods in ROUTES.items() if "GET" in methods]
CHANGE = [path for path, methods in ROUTES.items() if "POST" in methods]


@pytest.fixture
def settings(
    settings: Settings, tmp_path: Path, stub_server: Callable[[Callable[[str], StubResponse]], str]
) -> Settings:
    """Settings with a database and a registry that respond."""
    stores = {"database_url": f"sqlite:///{tmp_path / 'db'}", "mlflow_tracking_uri": stub_server(answer_mlflow)}
    connect(stores["database_url"])
    migrate()
    return settings.model_copy(update=stores)


def comparable(response: Any) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if name not in OF_THE_RESPONSE}


def test_there_are_routes_to_look_at() -> None:
    assert {"/", "/health", "/metrics", "/docs", "/schema", "/schema/openapi.json", "/versions/2"} < set(READ)
    assert CHANGE == ["/predict", "/predict_batch", "/reload_model", "/rollback"]


def test_head_returns_the_status_and_headers_of_get_for_every_route(client: Client) -> None:
    for path in READ:
        get, head = client.get(path), client.head(path)
        assert (path, get.status_code) == (path, 200)
        assert (head.status_code, comparable(head)) == (get.status_code, comparable(get)), path
        assert int(head.headers["content-length"]) > 0
        if path != "/metrics":
            assert head.headers["content-length"] == str(len(get.content)), path


def raw_response(address: str, request: str) -> bytes:
    """Return all that a server sends before it closes the connection."""
    with socket.create_connection((urlsplit(address).hostname, urlsplit(address).port), timeout=10) as connection:
        connection.sendall(request.encode())
        received = b""
        while part := connection.recv(65_536):
            received += part
    return received


def test_on_the_wire_nothing_follows_the_headers_of_a_response_to_head(address: str) -> None:
    for path in (*READ, *CHANGE, "/nowhere", "/versions/77", "/batches?page=0"):
        received = raw_response(address, f"HEAD {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        head, end, body = received.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 ")
        assert b"\r\ncontent-length: " in head
        assert (path, end, body) == (path, b"\r\n\r\n", b"")
    for fault in ("Host: evil.example", "Host: 127.0.0.1\r\nX-Fill: " + "x" * 40_000, "Host: 127.0.0.1\r\nnonsense"):
        received = raw_response(address, f"HEAD /health HTTP/1.1\r\n{fault}\r\nConnection: close\r\n\r\n")
        assert received[:10] == b"HTTP/1.1 4"
        assert received.endswith(b"\r\n\r\n"), fault[:40]


def test_head_and_get_share_a_connection(address: str) -> None:
    pipelined = "HEAD /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    received = raw_response(address, f"{pipelined}Connection: close\r\n\r\n")
    first, second = received.split(b"\r\n\r\n", 1)
    assert first.startswith(b"HTTP/1.1 200")
    assert second.startswith(b"HTTP/1.1 200")
    assert second.endswith(b'{"status":"alive"}')


def test_head_needs_the_key_that_get_needs(model_source: InMemoryModelSource, settings: Settings) -> None:
    locked = settings.model_copy(update={"api_key": SecretStr("a key of the tests")})
    with TestClient(create_app(model_source, locked), base_url=LOCAL) as client:
        without_key = {path: client.head(path).status_code for path in READ}
        assert without_key == {path: client.get(path).status_code for path in READ}
        assert {without_key[path] for path in ("/model", "/versions/2", "/days", "/statistics")} == {401}
        assert client.head("/model", headers={"X-API-Key": "a key of the tests"}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"), [({"Host": "evil.example"}, 400), ({"Origin": "https://evil.example"}, 403)]
)
def test_head_of_another_site_is_refused_as_get_is(client: Client, headers: dict[str, str], status: int) -> None:
    for path in READ:
        assert client.head(path, headers=headers).status_code == client.get(path, headers=headers).status_code == status


def test_head_is_counted_under_its_route_and_its_own_method(client: Client) -> None:
    for _ in range(3):
        client.head("/versions/2")
    assert metric(client, 'readmit_http_requests_total{method="HEAD",route="/versions/{number}",status="200"}') == 3
    assert metric(client, 'readmit_http_requests_total{method="GET",route="/versions/{number}",status="200"}') is None
    client.head("/predict")
    assert metric(client, 'readmit_http_requests_total{method="HEAD",route="unknown",status="405"}') == 1


def test_without_a_server_the_app_itself_leaves_out_the_body(
    model_source: InMemoryModelSource, settings: Settings
) -> None:
    assert asyncio.run(AsgiClient(create_app(model_source, settings)).send("HEAD", "/health")) == b""


def allowed_on(path: str) -> list[str]:
    return sorted(ROUTES[path] | {"HEAD"} if "GET" in ROUTES[path] else ROUTES[path])


def test_a_method_that_a_route_does_not_have_gets_405_with_those_it_has(client: Client) -> None:
    for path, method in product(ROUTES, ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"]):
        allowed = allowed_on(path)
        if method in allowed:
            continue
        response = client.request(method, path)
        assert (response.status_code, response.headers["allow"]) == (405, ", ".join(allowed)), (method, path)
        if method != "HEAD":
            message = f"the method {method!r} is not allowed here: use {', '.join(allowed)}"
            assert response.json()["error"]["message"] == message


def test_options_lists_the_methods_of_a_route_none_of_which_gets_405(client: Client) -> None:
    for path in ROUTES:
        response = client.options(path)
        assert (response.status_code, response.content) == (204, b"")
        assert response.headers["allow"] == ", ".join(allowed_on(path))
        for method in allowed_on(path):
            assert client.request(method, path).status_code != 405
