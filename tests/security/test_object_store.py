"""The S3 server of the embedded stack: all ports are on 127.0.0.1, and only signed requests work."""

import json
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from readmit.embedded import seaweedfs
from readmit.embedded.environment import SECRETS, s3_variables
from readmit.embedded.processes import Processes, ServiceProcess
from readmit.embedded.stack import HOST, Stack, free_ports
from readmit.io.object_store import Bucket
from readmit.settings import Settings, environment_with
from readmit.stacks.certificates import make_certificate

CERTIFICATE = ("s3-inner.crt", "s3-inner.key")
LIST_BUCKETS = b"GET /buckets/?pretty=y HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
GRPC_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
SETTINGS_FRAME = 4
ORIGIN = {"Origin": "https://evil.example"}
OBJECT = "attacked/object"
NAME = "s3-security"


@pytest.fixture
def bucket(settings: Settings) -> Bucket:
    bucket = Bucket(NAME, *settings.s3_login)
    bucket.make()
    bucket.put(OBJECT, b"kept")
    return bucket


@pytest.fixture
def s3_process(stack: Stack) -> psutil.Process:
    """Process that listens on the S3 port."""
    port = urlsplit(stack.addresses["s3"]).port
    (process,) = (child for child in psutil.Process().children(recursive=True) if port in _listening(child))
    return process


def _listening(process: psutil.Process) -> set[int]:
    with suppress(psutil.Error):
        return {
            connection.laddr.port
            for connection in process.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN
        }
    return set()


@pytest.fixture
def inner_ports(s3_process: psutil.Process, stack: Stack) -> list[int]:
    ports = sorted(_listening(s3_process) - {urlsplit(stack.addresses["s3"]).port})
    # The configured ports and two administrative ones of the server.
    assert len(ports) == len(seaweedfs.INNER_PORTS) + 2
    return ports


def exchange(port: int, request: bytes, context: ssl.SSLContext | None = None) -> bytes:
    """Return the start of a port's response; empty if it closes the connection."""
    with suppress(ConnectionError, TimeoutError), socket.create_connection((HOST, port), timeout=3) as raw_socket:
        connection = context.wrap_socket(raw_socket) if context else raw_socket
        connection.sendall(request)
        return connection.recv(4096)
    return b""


def tls(certificate: tuple[Path, Path] | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    if certificate:
        context.load_cert_chain(*certificate)
    return context


def _is_grpc(response: bytes) -> bool:
    return len(response) > 3 and response[3] == SETTINGS_FRAME and not response.startswith(b"HTTP")


@pytest.mark.attack("unsigned request", "s3")
def test_no_inner_port_serves_a_plain_request(inner_ports: list[int]) -> None:
    for port in inner_ports:
        response = exchange(port, LIST_BUCKETS)
        # A TLS server responds to plain HTTP with 400 only.
        assert not response or b"HTTP/1.0 400 Bad Request" in response, (port, response)
        assert not _is_grpc(exchange(port, GRPC_PREFACE)), port


@pytest.mark.attack("forged token", "s3")
def test_no_inner_port_serves_without_the_certificate_of_the_stack(inner_ports: list[int], tmp_path: Path) -> None:
    for file, text in zip(CERTIFICATE, make_certificate((HOST,)), strict=True):
        (tmp_path / file).write_text(text)
    forged = (tmp_path / CERTIFICATE[0], tmp_path / CERTIFICATE[1])
    for port in inner_ports:
        for certificate in (None, forged):
            with suppress(ssl.SSLError):
                response = exchange(port, GRPC_PREFACE, tls(certificate))
                assert response == b"", (port, response)


def test_the_stack_certificate_grants_access_to_the_inner_ports(inner_ports: list[int], stack: Stack) -> None:
    certificate = (stack.folder / CERTIFICATE[0], stack.folder / CERTIFICATE[1])
    assert all(exchange(port, GRPC_PREFACE, tls(certificate)) for port in inner_ports)
    assert {file.stat().st_mode & 0o777 for file in certificate} == {0o600}


@pytest.mark.parametrize(
    ("method", "path", "headers", "body"),
    [
        pytest.param(*request, marks=pytest.mark.attack(attack, "s3"))
        for attack, request in [
            ("unsigned request", ("GET", "/", {}, "")),
            ("unsigned request", ("GET", f"/{NAME}", {}, "")),
            ("unsigned request", ("GET", f"/{NAME}/{OBJECT}", {}, "")),
            ("unsigned request", ("PUT", f"/{NAME}/{OBJECT}", {}, "changed")),
            ("unsigned request", ("DELETE", f"/{NAME}/{OBJECT}", {}, "")),
            ("unsigned request", ("DELETE", f"/{NAME}", {}, "")),
            ("forged token", ("DELETE", f"/{NAME}/{OBJECT}", {"Authorization": "AWS me:forged"}, "")),
            ("foreign Host", ("GET", f"/{NAME}/{OBJECT}", {"Host": "evil.example"}, "")),
            ("foreign Origin", ("GET", f"/{NAME}/{OBJECT}", ORIGIN, "")),
            ("cross-site simple POST", ("POST", f"/{NAME}", {"Content-Type": "text/plain", **ORIGIN}, "changed")),
            (
                "cross-site simple POST",
                ("POST", f"/{NAME}?delete", {"Content-Type": "text/plain", **ORIGIN}, "<Delete/>"),
            ),
            ("cross-site simple POST", ("POST", "/", ORIGIN, "Action=ListUsers")),
            ("preflight", ("OPTIONS", f"/{NAME}/{OBJECT}", {"Access-Control-Request-Method": "DELETE", **ORIGIN}, "")),
        ]
    ],
)
def test_an_unsigned_s3_request_is_rejected_and_changes_nothing(
    method: str,
    path: str,
    headers: dict[str, str],
    body: str,
    stack: Stack,
    bucket: Bucket,
    record_property: Callable[[str, object], None],
) -> None:
    response = httpx.request(method, stack.addresses["s3"] + path, headers=headers, content=body, trust_env=False)
    record_property("answer", str(response.status_code))
    assert response.status_code in (400, 403, 405)
    assert b"kept" not in response.content
    assert bucket.get(OBJECT) == b"kept"


def test_objects_stored_before_the_hardening_remain_readable(tmp_path: Path) -> None:
    """Earlier versions started the server without the keys."""
    keys = dict.fromkeys(("READMIT_S3_ACCESS_KEY", "READMIT_S3_SECRET_KEY"), "of-the-test")
    login = {"AWS_ACCESS_KEY_ID": "of-the-test", "AWS_SECRET_ACCESS_KEY": "of-the-test"}
    (tmp_path / "secrets.json").write_text(json.dumps(dict.fromkeys(SECRETS, "kept") | keys))
    content = b"kept" * 2_000_000
    for key_variables in ({}, s3_variables(tmp_path, HOST)):
        port, *inner_ports = free_ports(1 + len(seaweedfs.INNER_PORTS))
        command = seaweedfs.command(HOST, port, dict(zip(seaweedfs.INNER_PORTS, inner_ports, strict=True)))
        processes = Processes(tmp_path / "processes")
        hardening_options = () if key_variables else ("-disableHttp", "-s3.allowedOrigins=none", "-s3.iam=false")
        service = ServiceProcess(
            "s3",
            [part for part in command if part not in hardening_options],
            environment_with(login | key_variables),
            f"http://{HOST}:{port}/status",
            working_folder=tmp_path / "s3",
        )
        (tmp_path / "s3").mkdir(exist_ok=True)
        try:
            processes.start(service)
            processes.wait_until_healthy(service)
            bucket = Bucket(NAME, f"http://{HOST}:{port}", "of-the-test", "of-the-test")
            bucket.make()
            if not key_variables:
                bucket.put(OBJECT, content)
            assert bucket.get(OBJECT) == content
        finally:
            processes.stop()
