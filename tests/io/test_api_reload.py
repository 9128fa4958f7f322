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
from readmit.io.api_reload import reload_everywhere

Start = Callable[[Callable[[str], tuple[int, dict[str, str], bytes]]], str]


def serving(version: str) -> Callable[[str], tuple[int, dict[str, str], bytes]]:
    return lambda _: (200, {}, json.dumps({"version": version, "reloaded": True}).encode())


def test_every_api_confirms_the_version(answering: Start) -> None:
    urls = [answering(serving("7")), answering(serving("7"))]
    assert reload_everywhere(urls, "token", "7") == 2


def test_an_api_that_serves_another_version_is_named(answering: Start) -> None:
    good, stale = answering(serving("7")), answering(serving("6"))
    with pytest.raises(ReloadUnconfirmed, match=f"{stale} serves version 6, production is version 7"):
        reload_everywhere([good, stale], "token", "7")


def test_an_api_that_refuses_or_is_away_is_named(answering: Start) -> None:
    with pytest.raises(ReloadUnconfirmed, match="status 401: wrong token"):
        reload_everywhere([answering(lambda _: (401, {}, b"wrong token"))], "token", "7")
    with pytest.raises(ReloadUnconfirmed, match="127.0.0.1:9"):
        reload_everywhere(["http://127.0.0.1:9"], "token", "7")


NO_VERSION = (b"<html>", b"", b"\xff", b"null", b"[]", b'{"model": "7"}')


def test_an_api_that_tells_no_version_is_named(answering: Start) -> None:
    url = answering(lambda path: (200, {}, NO_VERSION[int(path.split("/")[1])]))
    for number in range(len(NO_VERSION)):
        with pytest.raises(ReloadUnconfirmed, match=f"{url}/{number}/reload_model: no version"):
            reload_everywhere([f"{url}/{number}"], "token", "7")


def test_a_slash_at_the_end_of_an_address_does_no_harm(answering: Start) -> None:
    url = answering(lambda path: (200 if path == "/reload_model" else 404, {}, b'{"version": "7"}'))
    assert reload_everywhere([f"{url}/"], "token", "7") == 1


@pytest.mark.parametrize("url", ["api:8000", "http://", "ftp://api", "http://api:port", "http://[::1", "http://a..b"])
def test_an_address_that_can_be_no_apis_is_named(url: str) -> None:
    with pytest.raises(ReloadUnconfirmed, match=re.escape(url)):
        reload_everywhere([url], "token", "7")


@pytest.mark.parametrize(("scheme", "port"), [("http", 80), ("https", 443)])
def test_the_port_of_an_address_without_one_is_its_schemes(scheme: str, port: int) -> None:
    # Nothing is meant to listen there; what does is no API of ours.
    with pytest.raises(ReloadUnconfirmed, match=f"{scheme}://127.0.0.1:{port}"):
        reload_everywhere([f"{scheme}://localhost"], "token", "7")


@pytest.fixture
def behind_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An API behind TLS that tells version 7; its certificate, which we trust, is made out to its name alone."""
    pem = tmp_path / "localhost.pem"
    pem.write_bytes(made_out_to("localhost"))
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with HTTPServer(("127.0.0.1", 0), Telling) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"https://localhost:{server.server_port}"
        server.shutdown()


class Telling(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        told = json.dumps({"version": "7"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def made_out_to(name: str) -> bytes:
    """A key and a certificate signed by it, PEM."""
    key, who = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = x509.CertificateBuilder(who, who, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(datetime.now(UTC) - timedelta(days=1)).not_valid_after(
        datetime.now(UTC) + timedelta(days=1)
    )
    certificate = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False).sign(
        key, hashes.SHA256()
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


def test_the_certificate_of_an_api_behind_tls_is_checked_by_its_name(behind_tls: str) -> None:
    assert reload_everywhere([behind_tls], "token", "7") == 1
    with pytest.raises(ReloadUnconfirmed, match="CERTIFICATE_VERIFY_FAILED"):
        reload_everywhere([behind_tls.replace("localhost", "127.0.0.1")], "token", "7")
