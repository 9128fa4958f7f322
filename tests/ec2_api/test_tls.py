"""HTTPS on the data API: under the limits of plain HTTP, and with handshakes that block nobody."""

import hashlib
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from io import BytesIO
from pathlib import Path

import httpx
import pytest

from ec2_api import bounded_server, healthcheck
from ec2_api.errors import StartupError
from ec2_api.tls_connection import RECORD_BYTES, create_tls_context
from readmit.stacks.certificates import make_certificate
from tests.ec2_api.bounded_server_thread import serving
from tests.ec2_api.source_process import running

LARGE = bytes(range(256)) * 30_000
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
BODY_BYTES = 40_000
TIMEOUT_SECONDS = 20.0


def _application(environ: dict[str, object], start: Callable[..., object]) -> Iterable[bytes]:
    """Respond with a large file, or to a body with its size and SHA-256."""
    body = environ["wsgi.input"].read()  # type: ignore[attr-defined]  # a stream
    if body:
        text = f"{len(body)} {hashlib.sha256(body).hexdigest()} {environ['wsgi.url_scheme']}".encode()
        start("200 OK", [("Content-Length", str(len(text)))])
        return [text]
    start("200 OK", [("Content-Length", str(len(LARGE)))])
    return environ["wsgi.file_wrapper"](BytesIO(LARGE))  # type: ignore[operator]  # waitress's


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "certificate.pem", folder / "key.pem"
    for file, text in zip(files, make_certificate(("ec2-api", "127.0.0.1")), strict=True):
        file.write_text(text)
    return files


@pytest.fixture
def address(certificate: tuple[Path, Path]) -> Iterator[tuple[str, int]]:
    with serving(_application, create_tls_context(*certificate)) as listening:
        yield listening


@pytest.fixture
def trust(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate[0]))


@pytest.fixture
def client(address: tuple[str, int], trust: ssl.SSLContext) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"https://{address[0]}:{address[1]}", verify=trust, timeout=TIMEOUT_SECONDS) as client:
        yield client


def connect(address: tuple[str, int], receive_buffer: int | None = None) -> socket.socket:
    connection = socket.socket()
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(TIMEOUT_SECONDS)
    connection.connect(address)
    return connection


def read_to_end(connection: socket.socket) -> int:
    """Return how many bytes are received until the connection is closed."""
    received = 0
    with suppress(ConnectionError, ssl.SSLError):
        while part := connection.recv(65_536):
            received += len(part)
    return received


def test_a_large_response_is_complete_and_the_connection_is_reused(client: httpx.Client) -> None:
    for _ in range(3):
        assert client.get("/").content == LARGE


@pytest.mark.parametrize("size", [1, RECORD_BYTES - 1, RECORD_BYTES, RECORD_BYTES + 1, BODY_BYTES])
def test_a_body_of_any_number_of_records_is_complete(size: int, client: httpx.Client) -> None:
    body = bytes(size)
    assert client.post("/", content=body).text == f"{size} {hashlib.sha256(body).hexdigest()} https"


def test_a_request_that_arrives_byte_by_byte_is_served(address: tuple[str, int], trust: ssl.SSLContext) -> None:
    with trust.wrap_socket(connect(address), server_hostname="ec2-api") as connection:
        for byte in REQUEST:
            connection.sendall(bytes([byte]))
        assert connection.recv(15) == b"HTTP/1.1 200 OK"


def test_a_client_that_does_not_trust_the_certificate_does_not_connect(address: tuple[str, int]) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"https://{address[0]}:{address[1]}/", trust_env=False)


def test_unfinished_handshakes_do_not_block_other_clients_and_are_closed(
    address: tuple[str, int], client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_server, "REQUEST_TIMEOUT_SECONDS", 2)
    with ExitStack() as open_connections:
        silent = [open_connections.enter_context(connect(address)) for _ in range(50)]
        for connection in silent[::2]:
            # The begin of a ClientHello.
            connection.sendall(b"\x16\x03\x01\x02\x00\x01")
        started = time.monotonic()
        assert client.get("/").content == LARGE
        assert time.monotonic() - started < 2
        assert [read_to_end(connection) for connection in silent] == [0] * 50
        assert time.monotonic() - started < 10


def test_a_handshake_counts_toward_the_connections_of_a_client(
    address: tuple[str, int], client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_server, "MAX_CONNECTIONS_PER_CLIENT", 5)
    with ExitStack() as open_connections:
        silent = [open_connections.enter_context(connect(address)) for _ in range(8)]
        assert [read_to_end(connection) for connection in silent[:3]] == [0] * 3
        assert client.get("/").content == LARGE


@pytest.mark.parametrize("sent", [REQUEST, b"\x16\x03\x01\x00\x05hello", b"\x80" * 70_000, b""])
def test_bytes_that_are_no_handshake_are_answered_by_a_closed_connection(
    sent: bytes, address: tuple[str, int], client: httpx.Client
) -> None:
    with connect(address) as connection:
        with suppress(OSError):
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
        assert read_to_end(connection) < 100, "at most a TLS alert"
    assert client.get("/").content == LARGE


def test_a_client_that_stops_reading_is_disconnected(
    address: tuple[str, int], trust: ssl.SSLContext, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_server, "STALL_TIMEOUT_SECONDS", 1)
    with trust.wrap_socket(connect(address, receive_buffer=4_096), server_hostname="ec2-api") as connection:
        connection.sendall(REQUEST)
        assert connection.recv(12) == b"HTTP/1.1 200"
        time.sleep(4)
        assert read_to_end(connection) < len(LARGE)
    assert client.get("/").content == LARGE


@pytest.mark.parametrize("content", ["no certificate", ""])
def test_unreadable_tls_files_are_rejected_with_the_settings(content: str, tmp_path: Path) -> None:
    file = tmp_path / "file.pem"
    file.write_text(content)
    for certificate, key in ((file, file), (tmp_path / "missing.pem", file)):
        with pytest.raises(StartupError, match="READMIT_SOURCE_TLS_CERTIFICATE, READMIT_SOURCE_TLS_KEY: "):
            create_tls_context(certificate, key)


def test_the_process_serves_https_with_a_token_and_reports_its_health(
    certificate: tuple[Path, Path], trust: ssl.SSLContext, small_csv: Path, tmp_path: Path
) -> None:
    files = {"SOURCE_TLS_CERTIFICATE": str(certificate[0]), "SOURCE_TLS_KEY": str(certificate[1])}
    changes = {"DATA": str(small_csv), "SOURCE_STATE": str(tmp_path / "state"), "SOURCE_TOKEN": "hush", **files}
    with running(tmp_path / "log", **changes) as (_, plain):
        assert plain.base_url.scheme == "https"
        with httpx.Client(base_url=plain.base_url, verify=trust, timeout=TIMEOUT_SECONDS) as client:
            assert client.get("/batches/1").status_code == 401
            response = client.get("/batches/1", headers={"Authorization": "Bearer hush"})
            assert len(response.raise_for_status().json()) == 700
        assert healthcheck.health(int(plain.base_url.port or 0), tls=True)["batches"] == 1
    assert "hush" not in (tmp_path / "log").read_text()
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_without_a_server_the_health_check_fails_with_a_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"PORT": "9", "TLS_CERTIFICATE": "", "TLS_KEY": ""}.items():
        monkeypatch.setenv(f"READMIT_SOURCE_{name}", value)
    assert healthcheck.main() == 1
    assert "the data API does not respond: ConnectionRefusedError" in capsys.readouterr().err
