"""A foreign web page in the browser of a UI user can't read or change anything on the UI server."""

import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidHandshake
from websockets.sync.client import connect

from readmit.embedded.stack import free_ports
from readmit.settings import environment_with

Record = Callable[[str, object], None]
ROOT = Path(__file__).parents[2]
START_TIMEOUT_SECONDS = 60.0
PATHS = (
    *("/", "/_stcore/health", "/_stcore/host-config", "/_stcore/script-health-check", "/_stcore/metrics"),
    *("/_stcore/upload_file/session/file", "/media/file", "/component/name/index.html", "/static/js/index.js"),
)
FOREIGN_HOSTS = (
    *("evil.example", "localhost.evil.example", "evil.example:8501", "127.0.0.1@evil.example", ""),
    *("localhost, evil.example", "localhost:port", "127.0.0.1/evil.example"),
)
HEADERS = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "frame-ancestors 'self'",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "same-origin",
}


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A real Streamlit process, started as the embedded stack starts it."""
    (port,) = free_ports(1)
    options = ["--server.address", "127.0.0.1", "--server.port", str(port)]
    command = [sys.executable, "-m", "streamlit", "run", "ui/server.py", *options]
    environment = environment_with({"READMIT_API_URLS": "http://127.0.0.1:9"}, without=["READMIT_ALLOWED_HOSTS"])
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            _wait_until_up(port)
            yield port
        finally:
            process.kill()


def _wait_until_up(port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        try:
            httpx.get(f"http://127.0.0.1:{port}/_stcore/health", trust_env=False).raise_for_status()
            return
        except httpx.HTTPError:
            time.sleep(0.2)
    pytest.fail("Streamlit did not start")


def fetch(port: int, path: str, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    response = connection.getresponse()
    response.read()
    connection.close()
    return response


def test_a_rejected_host_gets_the_name_of_the_setting(port: int) -> None:
    response = httpx.get(f"http://127.0.0.1:{port}/", headers={"Host": "evil.example"}, trust_env=False)
    assert response.status_code == 400
    assert "READMIT_ALLOWED_HOSTS" in response.text


@pytest.mark.attack("foreign Host", "ui")
@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_a_foreign_host_gets_nothing_of_the_ui(port: int, host: str, record_property: Record) -> None:
    for path in PATHS:
        assert fetch(port, path, Host=host).status == 400
    record_property("answer", "400")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "ui", "LOCALHOST:8501", "ui:8501"])
def test_allowed_hosts_are_served(port: int, host: str) -> None:
    assert fetch(port, "/", Host=host).status == 200


@pytest.mark.parametrize("host", ["10.1.2.3:8501", "[fd00::7]:8501"])
def test_a_probe_by_ip_address_gets_only_the_health(port: int, host: str) -> None:
    assert fetch(port, "/_stcore/health", Host=host).status == 200
    assert fetch(port, "/", Host=host).status == 400


@pytest.mark.attack("foreign Origin", "ui")
@pytest.mark.parametrize(
    "origin", ["http://evil.example", "https://evil.example", "null", "http://localhost:3000", "file://"]
)
def test_a_foreign_page_reads_nothing_of_the_ui(port: int, origin: str, record_property: Record) -> None:
    for path in PATHS:
        response = fetch(port, path, Origin=origin)
        assert response.status == 403
        assert response.getheader("access-control-allow-origin") is None
    record_property("answer", "403")


@pytest.mark.attack("preflight", "ui")
def test_a_preflight_of_a_foreign_page_allows_nothing(port: int, record_property: Record) -> None:
    headers = {"Origin": "http://evil.example", "Access_Control_Request_Method": "PUT"}
    for path in PATHS:
        response = fetch(port, path, "OPTIONS", **headers)
        assert response.status == 403
        assert response.getheader("access-control-allow-origin") is None
    record_property("answer", "403")


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.attack("cross-site simple POST", "ui")
def test_an_upload_without_the_xsrf_token_is_rejected(port: int, method: str, record_property: Record) -> None:
    for content_type in ("text/plain", "multipart/form-data; boundary=x"):
        response = fetch(port, "/_stcore/upload_file/session/file", method, Content_Type=content_type)
        assert response.status == 403
    record_property("answer", "403")


@pytest.mark.attack("cross-site simple POST", "ui")
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_simple_post_of_a_foreign_page_changes_nothing(port: int, content_type: str, record_property: Record) -> None:
    headers = {"Content_Type": content_type} if content_type else {}
    for path in PATHS:
        assert fetch(port, path, "POST", Origin="http://evil.example", **headers).status == 403
        assert fetch(port, path, "POST", **headers).status in (403, 404, 405)
    record_property("answer", "403")


def test_the_websocket_opens_for_the_pages_own_origin(port: int) -> None:
    with connect(f"ws://127.0.0.1:{port}/_stcore/stream", origin=f"http://127.0.0.1:{port}", proxy=None):  # type: ignore[arg-type]  # a NewType of str
        pass


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        pytest.param(None, "http://evil.example", marks=pytest.mark.attack("foreign Origin", "ui")),
        pytest.param(None, "http://localhost:3000", marks=pytest.mark.attack("foreign Origin", "ui")),
        pytest.param("evil.example", "http://evil.example", marks=pytest.mark.attack("foreign Host", "ui")),
        pytest.param("evil.example", None, marks=pytest.mark.attack("foreign Host", "ui")),
    ],
)
def test_the_websocket_does_not_open_for_a_foreign_page_or_host(
    port: int, host: str | None, origin: str | None, record_property: Record
) -> None:
    name = host or "127.0.0.1"
    with (
        pytest.raises(InvalidHandshake, match="403"),
        connect(
            f"ws://{name}:{port}/_stcore/stream",
            origin=origin,  # type: ignore[arg-type]  # a NewType of str
            sock=socket.create_connection(("127.0.0.1", port)),
        ),
    ):
        pytest.fail("the WebSocket opened")
    record_property("answer", "403")


@pytest.mark.parametrize("path", PATHS)
def test_every_response_has_the_security_headers(port: int, path: str) -> None:
    for headers in ({}, {"Host": "evil.example"}, {"Origin": "http://evil.example"}):
        response = fetch(port, path, **headers)
        assert {name: response.getheader(name) for name in HEADERS} == HEADERS
