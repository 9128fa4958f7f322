"""The methods of every route of the data API: HEAD wherever there is GET, and a 405 that lists those it has.

The routes are those of the application itself, so that a new one is tested, too.
"""

import socket
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from ec2_api.settings import SourceSettings
from tests.ec2_api.bounded_server_thread import serving

Serve = Callable[[SourceSettings], FlaskClient]
MakeSettings = Callable[..., SourceSettings]
TOKEN = "t" * 32
FORMATS = ("?format=json", "?format=csv", "?format=parquet")
VARYING = {"Date", "Content-Length"}
"""Headers that may differ between two responses; the length of the metrics does."""


def paths(client: FlaskClient) -> list[str]:
    """Return every path of the application, with the number of a batch in place of its parameter."""
    rules = [rule.rule.replace("<number>", "2") for rule in client.application.url_map.iter_rules()]
    return [*rules, *(f"/batches/2{query}" for query in FORMATS), "/batches/9", "/batches/1?format=xml", "/nowhere"]


def comparable(response: Any) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if name not in VARYING}


@pytest.fixture
def client(serve: Serve, make_settings: MakeSettings) -> FlaskClient:
    """Three batches, all released."""
    return serve(make_settings())


def test_head_returns_the_status_and_headers_of_get_and_no_body_for_every_route(client: FlaskClient) -> None:
    assert {"/", "/health", "/batches", "/batches/2", "/get_data", "/metrics"} < set(paths(client))
    for path in paths(client):
        get, head = client.get(path), client.head(path)
        assert (head.status_code, comparable(head)) == (get.status_code, comparable(get)), path
        assert (path, head.data) == (path, b"")
        if path != "/metrics":
            assert head.headers["Content-Length"] == str(len(get.data)), path


def test_head_of_an_unreleased_batch_and_of_a_known_etag_is_answered_as_get(
    serve: Serve, make_settings: MakeSettings
) -> None:
    client = serve(make_settings(SOURCE_INTERVAL_SECONDS=60))
    early = client.head("/batches/3")
    assert (early.status_code, early.headers["Retry-After"], early.data) == (425, "120", b"")
    etag = client.head("/batches/1").headers["ETag"]
    assert client.head("/batches/1", headers={"If-None-Match": etag}).status_code == 304


def test_every_other_method_gets_405_with_get_and_head_in_allow(client: FlaskClient) -> None:
    for path in paths(client):
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"):
            response = client.open(path, method=method)
            assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD"), (method, path)
            assert response.get_json()["error"] == f"method '{method}' is not allowed: this API is read-only"


def test_head_needs_the_token_and_the_host_that_get_needs(serve: Serve, make_settings: MakeSettings) -> None:
    client = serve(make_settings(SOURCE_TOKEN=TOKEN))
    for path in paths(client):
        assert client.head(path).status_code == client.get(path).status_code, path
        for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
            refused = client.head(path, headers=headers)
            assert refused.status_code == client.get(path, headers=headers).status_code, path
            assert refused.status_code in (400, 403)
    assert client.head("/batches/2").status_code == 401
    assert client.head("/batches/2", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_head_is_counted_under_its_route_like_get(client: FlaskClient) -> None:
    client.head("/batches/1")
    client.get("/batches/2")
    text = client.get("/metrics").get_data(as_text=True)
    assert 'readmit_source_requests_total{route="/batches/<number>",status="200"} 2.0' in text


def raw_response(address: tuple[str, int], request: str) -> bytes:
    """Return all that the server sends before it closes the connection."""
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(request.encode())
        received = b""
        while part := connection.recv(65_536):
            received += part
    return received


def test_on_the_wire_nothing_follows_the_headers_of_a_response_to_head(client: FlaskClient) -> None:
    with serving(client.application) as address:
        for path in paths(client):
            received = raw_response(address, f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            head, end, body = received.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 ")
            assert b"\r\nContent-Length: " in head
            assert (path, end, body) == (path, b"\r\n\r\n", b"")


@pytest.mark.parametrize("fault", ["Content-Length: 9999999", "Content-Length: many", "Transfer-Encoding: gzip"])
def test_an_error_of_the_server_itself_has_no_body_for_head_either(client: FlaskClient, fault: str) -> None:
    with serving(client.application) as address:
        received = raw_response(address, f"HEAD /health HTTP/1.1\r\nHost: localhost\r\n{fault}\r\n\r\n")
        assert received.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4", b"HTTP/1.1 5", b"HTTP/1.0 5"))
        assert received.endswith(b"\r\n\r\n")
        assert received.count(b"\r\n\r\n") == 1
