"""Attacks on the data API in a separate process, started by `python -m ec2_api`."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import psutil
import pytest

from tests.ec2_api.source_process import running

RecordProperty = Callable[[str, object], None]
PATHS = ("/", "/health", "/metrics", "/batches", "/batches/1", "/get_data", "/unknown")
HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
REQUEST = b"GET /batches/1 HTTP/1.1\r\nHost: localhost\r\n"
TIMEOUT_SECONDS = 20.0
"""Time limit for a blocked API: an incomplete request used to block it for two minutes."""


@pytest.fixture(scope="module")
def source(
    sample: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    """One released batch of 15,000 rows."""
    folder = tmp_path_factory.mktemp("source")
    with running(folder / "log", DATA=str(sample), SOURCE_STATE=str(folder / "state")) as (process, client):
        client.get("/batches/1").raise_for_status()
        yield process, client
        assert "Traceback" not in (folder / "log").read_text()


@pytest.fixture
def client(source: tuple[subprocess.Popen[bytes], httpx.Client]) -> Iterator[httpx.Client]:
    """A client of the API; after the attack the same process must still serve another one immediately."""
    process, client = source
    yield client
    with httpx.Client(base_url=client.base_url, timeout=TIMEOUT_SECONDS) as other:
        assert other.get("/health").status_code == 200
        assert other.get("/batches/1", headers={"Accept": "text/csv"}).status_code == 200
    assert process.poll() is None
    assert psutil.Process(process.pid).memory_info().rss < 600_000_000


def _connect(client: httpx.Client, receive_buffer: int | None = None) -> socket.socket:
    connection = socket.socket()
    connection.settimeout(TIMEOUT_SECONDS)
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.connect((client.base_url.host, client.base_url.port))
    return connection


def _read_response(connection: socket.socket) -> bytes:
    """Return everything until the server closes the connection."""
    received = b""
    with suppress(ConnectionError):
        while part := connection.recv(65_536):
            received += part
    return received


def _send_repeatedly(connection: socket.socket, part: bytes, times: int) -> bytes:
    """Send the same bytes repeatedly until the server rejects them, and return its response."""
    with suppress(ConnectionError):
        for _ in range(times):
            connection.sendall(part)
    return _read_response(connection)


def _check_rejected(response: httpx.Response, status: int) -> None:
    assert response.status_code == status
    assert "patient_nbr" not in response.text
    assert not [name for name in response.headers if name.lower().startswith("access-control-")]
    if response.request.method != "HEAD":
        assert set(response.json()) == {"error"}


@pytest.mark.attack("foreign Host", "ec2-api")
@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:5001", "127.0.0.1.evil.example", "localhost.", "localhost.evil.example", "[::2",
     "127.1", "2130706433", "localhost:5001:5001", "localhost@evil.example", "a" * 5_000, "localhost, localhost"],
)  # fmt: skip
def test_a_foreign_host_gets_no_row(client: httpx.Client, host: str, record_property: RecordProperty) -> None:
    for path in PATHS:
        response = client.get(path, headers={"Host": host})
        _check_rejected(response, 400)
        assert "Host header" in response.json()["error"]
        assert "READMIT_ALLOWED_HOSTS" in response.json()["error"]
        assert len(response.text) < 250
    record_property("answer", "400")


@pytest.mark.attack("foreign Host", "ec2-api")
@pytest.mark.parametrize(
    "head", [b"", b"Host: localhost\r\nHost: evil.example\r\n", b"Host: localhost\r\nHost: localhost\r\n"]
)
def test_a_missing_or_doubled_host_gets_no_row(client: httpx.Client, head: bytes) -> None:
    with _connect(client) as connection:
        connection.sendall(b"GET /batches/1 HTTP/1.1\r\nConnection: close\r\n" + head + b"\r\n")
        assert _read_response(connection).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("host", ["10.0.0.7", "10.0.0.7:5001", "[2001:db8::7]:5001"])
def test_a_probe_by_ip_address_reaches_only_health_and_metrics(client: httpx.Client, host: str) -> None:
    for path in PATHS:
        expected = 200 if path in ("/health", "/metrics") else 400
        assert client.get(path, headers={"Host": host}).status_code == expected


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1:5001", "[::1]", "[0:0:0:0:0:0:0:1]:5001", "ec2-api"]
)
def test_an_allowed_host_is_accepted_in_any_case_and_with_any_port(client: httpx.Client, host: str) -> None:
    assert client.get("/batches", headers={"Host": host}).status_code == 200


@pytest.mark.attack("foreign Origin", "ec2-api")
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize(
    "origin",
    ["null", "", "https://evil.example", "http://localhost.evil.example", "http://10.0.0.7", "localhost", "file://",
     "http://evil.example, http://localhost", "http://localhost@evil.example"],
)  # fmt: skip
def test_a_foreign_origin_gets_no_row(
    client: httpx.Client, origin: str, method: str, record_property: RecordProperty
) -> None:
    for path in PATHS:
        _check_rejected(client.request(method, path, headers={"Origin": origin}), 403)
    record_property("answer", "403")


def test_a_page_on_an_allowed_host_can_read(client: httpx.Client) -> None:
    assert client.get("/batches", headers={"Origin": "http://localhost:8501"}).status_code == 200


@pytest.mark.attack("cross-site simple POST", "ec2-api")
@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_a_post_changes_nothing(
    client: httpx.Client, content_type: str | None, record_property: RecordProperty
) -> None:
    before = client.get("/batches").content
    for path in PATHS:
        headers = {"Content-Type": content_type} if content_type else {}
        _check_rejected(client.post(path, content=b"number=2", headers=headers), 405)
    assert client.get("/batches").content == before
    record_property("answer", "405")


@pytest.mark.attack("preflight", "ec2-api")
@pytest.mark.parametrize(("origin", "status"), [("https://evil.example", 403), ("http://localhost:8501", 405)])
def test_a_preflight_gets_no_permission(
    client: httpx.Client, origin: str, status: int, record_property: RecordProperty
) -> None:
    for path in PATHS:
        headers = {"Origin": origin, "Access-Control-Request-Method": "GET"}
        _check_rejected(client.options(path, headers=headers), status)
    record_property("answer", "403")


@pytest.mark.parametrize("path", [*PATHS, "/batches/99", "/batches/1?format=xml"])
def test_every_response_has_the_security_headers(client: httpx.Client, path: str) -> None:
    served = [client.get(path), client.get(path, headers={"Host": "evil.example"})]
    rejected_by_waitress = client.get(path, headers={"X-Filler": "x" * 40_000})
    assert rejected_by_waitress.status_code == 431
    for response in (*served, rejected_by_waitress):
        assert {name: response.headers[name] for name in HEADERS} == HEADERS
        assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
        assert "Server" not in response.headers


@pytest.mark.attack("endless headers", "ec2-api")
@pytest.mark.parametrize("part", [b"X-Filler: " + b"x" * 8_000 + b"\r\n", b"x" * 8_192])
def test_60_mb_of_headers_are_rejected_at_32_kb(
    client: httpx.Client, part: bytes, record_property: RecordProperty
) -> None:
    with _connect(client) as connection:
        connection.sendall(REQUEST)
        response = _send_repeatedly(connection, part, 60_000_000 // len(part))
    assert response.startswith(b"HTTP/1.0 431 ")
    record_property("answer", "431")


def test_headers_of_30_kb_are_accepted(client: httpx.Client) -> None:
    assert client.get("/health", headers={"X-Filler": "x" * 30_000}).status_code == 200


@pytest.mark.attack("oversized body", "ec2-api")
@pytest.mark.parametrize("framing", [b"Content-Length: 60000000", b"Transfer-Encoding: chunked"])
def test_a_body_over_64_kb_is_rejected(client: httpx.Client, framing: bytes, record_property: RecordProperty) -> None:
    with _connect(client) as connection:
        connection.sendall(REQUEST.replace(b"GET", b"POST") + framing + b"\r\n\r\n")
        response = _send_repeatedly(connection, b"2000\r\n" + b"x" * 8_192 + b"\r\n", 7_000)
    assert b" 413 " in response.splitlines()[0]
    record_property("answer", "413")


@pytest.mark.attack("slow headers", "ec2-api")
@pytest.mark.parametrize("count", [130, 500])
def test_incomplete_requests_do_not_block_others(
    client: httpx.Client, count: int, record_property: RecordProperty
) -> None:
    with ExitStack() as open_connections:
        for _ in range(count):
            open_connections.enter_context(_connect(client)).sendall(REQUEST)
        with httpx.Client(base_url=client.base_url, timeout=TIMEOUT_SECONDS) as other:
            assert other.get("/health").status_code == 200
            assert len(other.get("/batches/1").json()) == 15_000
    record_property("answer", "closed; others are served")


def _seconds_until_closed(connection: socket.socket, drip: bytes) -> float:
    """Return how long the server keeps a client that sends these bytes periodically."""
    started_at = time.monotonic()
    with suppress(ConnectionError):
        while time.monotonic() - started_at < 60:
            connection.settimeout(0.5)
            with suppress(TimeoutError):
                if not connection.recv(1):
                    break
            connection.sendall(drip)
    return time.monotonic() - started_at


@pytest.fixture(scope="module")
def seconds_held(source: tuple[subprocess.Popen[bytes], httpx.Client]) -> dict[str, float]:
    """Seconds until each kind of incomplete request is disconnected; all run in parallel."""
    unfinished = {
        "silent": (b"", b""),
        "slow head": (REQUEST, b"x"),
        "slow blank lines": (b"", b"\r\n"),
        "stalled body": (REQUEST.replace(b"GET", b"POST") + b"Content-Length: 60000\r\n\r\nx", b""),
        "slow body": (REQUEST.replace(b"GET", b"POST") + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    }

    def keep_open(start: bytes, drip: bytes) -> float:
        with _connect(source[1]) as connection:
            connection.sendall(start)
            return _seconds_until_closed(connection, drip)

    with ThreadPoolExecutor(len(unfinished)) as pool:
        return dict(zip(unfinished, pool.map(keep_open, *zip(*unfinished.values(), strict=True)), strict=True))


@pytest.mark.parametrize(
    "kind",
    [pytest.param("silent", marks=pytest.mark.attack("slow headers", "ec2-api")),
     pytest.param("slow head", marks=pytest.mark.attack("slow headers", "ec2-api")),
     pytest.param("slow blank lines", marks=pytest.mark.attack("slow headers", "ec2-api")),
     pytest.param("stalled body", marks=pytest.mark.attack("stalled bodies", "ec2-api")),
     pytest.param("slow body", marks=pytest.mark.attack("stalled bodies", "ec2-api"))],
)  # fmt: skip
def test_a_request_that_is_incomplete_after_10_s_is_disconnected(
    client: httpx.Client, seconds_held: dict[str, float], kind: str, record_property: RecordProperty
) -> None:
    assert client.get("/health").status_code == 200
    assert seconds_held[kind] < 30
    record_property("answer", "closed")


@pytest.mark.attack("slow readers", "ec2-api")
@pytest.mark.parametrize(
    "request_head",
    [REQUEST + b"\r\n", (REQUEST + b"\r\n") * 50, REQUEST + b"Range: bytes=1-\r\n\r\n"],
    ids=["whole", "pipelined", "range"],
)  # fmt: skip
@pytest.mark.parametrize("readers", [8, 100])
def test_clients_that_do_not_read_do_not_block_others(
    client: httpx.Client, request_head: bytes, readers: int, record_property: RecordProperty
) -> None:
    with ExitStack() as open_connections:
        for _ in range(readers):
            reader = open_connections.enter_context(_connect(client, receive_buffer=4_096))
            reader.sendall(request_head)
            assert reader.recv(12) == b"HTTP/1.1 200"
        with httpx.Client(base_url=client.base_url, timeout=TIMEOUT_SECONDS) as other:
            assert other.get("/health").status_code == 200
            assert len(other.get("/batches/1").json()) == 15_000
    record_property("answer", "others are served")
