"""A web page of another site, open in a browser on the same machine, gets nothing from the inference API."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from litestar.exceptions import WebSocketDisconnect
from litestar.testing import TestClient

from api.app import create_app
from api.errors import ApiError
from api.example import EXAMPLE
from api.fast_path import FastPath
from api.host_policy import HostPolicy
from readmit.settings import Settings
from tests.api.conftest import LOCAL, FittedVersion, InMemoryModelSource, served

__all__ = ["served"]

Client = TestClient[FastPath]
ROUTES = (
    ("POST", "/predict"),
    ("POST", "/predict?explain=true"),
    ("POST", "/predict_batch"),
    ("POST", "/reload_model"),
    ("POST", "/rollback"),
    *(("GET", path) for path in ("/", "/days", "/batches", "/quarantine", "/statistics", "/services", "/versions")),
    *(
        ("GET", path)
        for path in ("/model", "/prospective", "/docs", "/docs/assets/swagger-ui.css", "/schema", "/nowhere")
    ),
    *(("GET", path) for path in ("/health", "/health/live", "/health/ready", "/metrics")),
)
FOREIGN_HOSTS = (
    "evil.example",
    "127.0.0.1.evil.example",
    "localhost.evil.example:8000",
    "localhost.",
    "127.0.0.1:80@evil.example",
    "evil@127.0.0.1",
    "user:1@localhost",
    "localhost:80:80",
    "localhost:",
    "localhost:999999",
    "[::1].evil.example",
    "[::1]x:8000",
    "127.1",
    "0x7f000001",
    "testserver.local",
    "",
    "\xe9",
    "x" * 5_000,
)
FOREIGN_ORIGINS = ("https://evil.example", "null", "http://localhost.evil.example", "file://", "http://a@localhost", "")


@pytest.fixture(scope="module")
def client(served: FittedVersion) -> Iterator[Client]:
    settings = Settings(model_poll_seconds=3600)
    with TestClient(
        create_app(InMemoryModelSource(served), settings), base_url=LOCAL, raise_server_exceptions=False
    ) as client:
        yield client


def send_request(client: Client, method: str, path: str, headers: list[tuple[str, str]]) -> Any:
    """Send a request with exactly these headers and a valid body for /predict."""
    request = client.build_request(method, path, content=json.dumps(EXAMPLE) if method == "POST" else None)
    request.headers = type(request.headers)(
        [(b"content-type", b"application/json"), *((name, value.encode("latin-1")) for name, value in headers)]
    )
    return client.send(request)


@pytest.mark.attack("foreign Host", "api")
@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_a_foreign_host_gets_400_on_every_route(client: Client, host: str, record_property: Any) -> None:
    record_property("answer", "400")
    for method, path in ROUTES:
        response = send_request(client, method, path, [("Host", host)])
        assert response.status_code == 400, path
        message = response.json()["error"]["message"]
        assert "Host header" in message
        assert "READMIT_ALLOWED_HOSTS" in message
        assert len(message) < 200
        assert message.isprintable()


@pytest.mark.attack("foreign Host", "api")
def test_a_foreign_host_learns_nothing_by_head(client: Client, record_property: Any) -> None:
    record_property("answer", "400")
    for path in (path for method, path in ROUTES if method == "GET"):
        response = send_request(client, "HEAD", path, [("Host", "evil.example")])
        assert (response.status_code, response.content) == (400, b""), path


@pytest.mark.attack("foreign Host", "api")
def test_two_hosts_and_none_are_rejected(client: Client) -> None:
    with pytest.raises(ApiError, match="no Host header"):
        HostPolicy(["localhost"]).check("/health", [(b"accept", b"*/*")])
    for method, path in ROUTES:
        assert send_request(client, method, path, [("Host", "localhost"), ("Host", "localhost")]).status_code == 400


@pytest.mark.attack("foreign Origin", "api")
@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
def test_a_foreign_origin_gets_403_on_every_route(client: Client, origin: str, record_property: Any) -> None:
    record_property("answer", "403")
    for method, path in ROUTES:
        response = send_request(client, method, path, [("Host", "localhost"), ("Origin", origin)])
        assert response.status_code == 403, path
        assert "Origin header" in response.json()["error"]["message"]


@pytest.mark.attack("foreign Origin", "api")
def test_a_second_origin_does_not_hide_the_first(client: Client) -> None:
    headers = [("Host", "localhost"), ("Origin", "https://evil.example"), ("Origin", "http://localhost")]
    assert send_request(client, "POST", "/predict", headers).status_code == 403


@pytest.mark.attack("preflight", "api")
def test_a_preflight_is_not_granted(client: Client, record_property: Any) -> None:
    record_property("answer", "403")
    for _, path in ROUTES:
        headers = [("Host", "localhost"), ("Origin", "https://evil.example"), ("Access-Control-Request-Method", "POST")]
        response = send_request(client, "OPTIONS", path, headers)
        assert response.status_code == 403
        assert not [name for name in response.headers if name.lower().startswith("access-control")]


@pytest.mark.attack("cross-site simple POST", "api")
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None])
def test_a_simple_post_of_another_site_changes_nothing(client: Client, kind: str | None, record_property: Any) -> None:
    record_property("answer", "403")
    for path in ("/predict", "/predict_batch", "/reload_model", "/rollback"):
        headers = {"Origin": "https://evil.example", **({"Content-Type": kind} if kind else {})}
        assert client.post(path, content=json.dumps(EXAMPLE), headers=headers).status_code == 403


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "[::1]", "[::1]:8000", "api:8000"])
def test_an_allowed_host_is_served_with_and_without_a_port(client: Client, host: str) -> None:
    for headers in ([("Host", host)], [("Host", host), ("Origin", f"http://{host}")]):
        assert send_request(client, "POST", "/predict", headers).status_code == 200
        assert send_request(client, "GET", "/model", headers).status_code == 200


@pytest.mark.parametrize("host", ["10.42.0.5:8000", "10.42.0.5", "[fd00::5]:8000", "[fd00::5]"])
def test_only_probes_are_served_by_ip_address(client: Client, host: str) -> None:
    for method, path in ROUTES:
        probe = path in ("/health", "/health/live", "/health/ready", "/metrics")
        assert send_request(client, method, path, [("Host", host)]).status_code == (200 if probe else 400), path


def test_the_setting_replaces_the_default(served: FittedVersion) -> None:
    settings = Settings(allowed_hosts="readmit.hospital.example", model_poll_seconds=3600)  # type: ignore[arg-type]  # parsed from text
    with TestClient(
        create_app(InMemoryModelSource(served), settings), base_url="https://readmit.hospital.example"
    ) as client:
        assert client.post("/predict", json=EXAMPLE).status_code == 200
        assert send_request(client, "POST", "/predict", [("Host", "localhost")]).status_code == 400


def test_both_prediction_paths_use_the_same_check(client: Client) -> None:
    for headers in ([("Host", "evil.example")], [("Host", "localhost"), ("Origin", "null")]):
        same = [("X-Request-ID", "same"), *headers]
        responses = [send_request(client, "POST", path, same) for path in ("/predict", "/predict?explain=false")]
        assert responses[0].content == responses[1].content


@pytest.mark.attack("foreign Host", "api")
def test_a_websocket_is_rejected(client: Client) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/predict"):
        pass


@pytest.mark.attack("framing", "api")
def test_every_response_has_the_security_headers(client: Client) -> None:
    for method, path in (*ROUTES, ("DELETE", "/predict"), ("POST", "/predict_batch")):
        for host in ("localhost", "evil.example"):
            headers = send_request(client, method, path, [("Host", host)]).headers
            assert headers["x-content-type-options"] == "nosniff", path
            assert headers["referrer-policy"] == "no-referrer"
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert headers.get_list("content-security-policy")[1:] == []


@pytest.mark.attack("injected script", "api")
def test_the_interactive_page_runs_only_its_own_script(client: Client) -> None:
    policy = client.get("/docs").headers["content-security-policy"]
    scripts = next(part for part in policy.split("; ") if part.startswith("script-src "))
    assert "unsafe" not in scripts
    assert scripts.count("'sha256-") == 1
    assert "default-src 'none'" in policy


def test_port_and_case_of_a_host_do_not_matter() -> None:
    policy = HostPolicy(["Readmit.Example"])
    policy.check("/predict", [(b"host", b"readmit.EXAMPLE:443"), (b"origin", b"https://readmit.example")])
