import json
import re
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from readmit.core.errors import ReloadUnconfirmed
from readmit.io.api_reload import reload_all

StubServer = Callable[[Callable[[str], tuple[int, dict[str, str], bytes]]], str]


def with_version(version: str) -> Callable[[str], tuple[int, dict[str, str], bytes]]:
    return lambda _: (200, {}, json.dumps({"version": version, "reloaded": True}).encode())


def test_every_api_confirms_the_version(stub_server: StubServer) -> None:
    urls = [stub_server(with_version("7")), stub_server(with_version("7"))]
    assert reload_all(urls, "token", "7") == 2


def test_an_api_that_serves_another_version_is_named(stub_server: StubServer) -> None:
    good, stale = stub_server(with_version("7")), stub_server(with_version("6"))
    with pytest.raises(ReloadUnconfirmed, match=f"{stale} serves version 6, production is version 7"):
        reload_all([good, stale], "token", "7")


def test_an_api_that_rejects_the_request_or_is_unavailable_is_named(stub_server: StubServer) -> None:
    with pytest.raises(ReloadUnconfirmed, match="status 401: wrong token"):
        reload_all([stub_server(lambda _: (401, {}, b"wrong token"))], "token", "7")
    with pytest.raises(ReloadUnconfirmed, match="127.0.0.1:9"):
        reload_all(["http://127.0.0.1:9"], "token", "7")


NO_VERSION = (b"<html>", b"", b"\xff", b"null", b"[]", b'{"model": "7"}')


def test_an_api_whose_response_has_no_version_is_named(stub_server: StubServer) -> None:
    url = stub_server(lambda path: (200, {}, NO_VERSION[int(path.split("/")[1])]))
    for number in range(len(NO_VERSION)):
        with pytest.raises(ReloadUnconfirmed, match=f"{url}/{number}/reload_model: no version"):
            reload_all([f"{url}/{number}"], "token", "7")


def test_a_trailing_slash_of_an_address_is_ignored(stub_server: StubServer) -> None:
    url = stub_server(lambda path: (200 if path == "/reload_model" else 404, {}, b'{"version": "7"}'))
    assert reload_all([f"{url}/"], "token", "7") == 1


@pytest.mark.parametrize("url", ["api:8000", "http://", "ftp://api", "http://api:port", "http://[::1", "http://a..b"])
def test_a_malformed_address_is_named(url: str) -> None:
    with pytest.raises(ReloadUnconfirmed, match=re.escape(url)):
        reload_all([url], "token", "7")


@pytest.mark.parametrize(("scheme", "port"), [("http", 80), ("https", 443)])
def test_the_default_port_depends_on_the_scheme(scheme: str, port: int) -> None:
    # Nothing should listen there; anything that does is not our API.
    with pytest.raises(ReloadUnconfirmed, match=f"{scheme}://127.0.0.1:{port}"):
        reload_all([f"{scheme}://localhost"], "token", "7")


@pytest.fixture
def behind_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An API behind TLS that serves version 7; its certificate, which is trusted, is issued for its name only."""
    pem = tmp_path / "localhost.pem"
    pem.write_bytes(self_signed_certificate("localhost"))
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with HTTPServer(("127.0.0.1", 0), VersionHandler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"https://localhost:{server.server_port}"
        server.shutdown()


class VersionHandler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.dumps({"version": "7"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def self_signed_certificate(name: str) -> bytes:
    """A key and a certificate signed by it, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(datetime.now(UTC) - timedelta(days=1)).not_valid_after(
        datetime.now(UTC) + timedelta(days=1)
    )
    certificate = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False).sign(
        key, hashes.SHA256()
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


def test_the_certificate_of_an_api_behind_tls_is_checked_by_its_name(behind_tls: str) -> None:
    assert reload_all([behind_tls], "token", "7") == 1
    with pytest.raises(ReloadUnconfirmed, match="CERTIFICATE_VERIFY_FAILED"):
        reload_all([behind_tls.replace("localhost", "127.0.0.1")], "token", "7")
