"""The S3 server of the embedded stack: all of its ports are on 127.0.0.1, and only signed S3 requests work."""

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
    """The process that listens on the S3 port."""
    port = urlsplit(stack.addresses["s3"]).port
    (found,) = (child for child in psutil.Process().children(recursive=True) if port in _listening(child))
    return found


def _listening(process: psutil.Process) -> set[int]:
    with suppress(psutil.Error):
        return {each.laddr.port for each in process.net_connections("tcp") if each.status == psutil.CONN_LISTEN}
    return set()


@pytest.fixture
def inner_ports(s3_process: psutil.Process, stack: Stack) -> list[int]:
    found = sorted(_listening(s3_process) - {urlsplit(stack.addresses["s3"]).port})
    # Those that we name, and the two of the server's own administration.
    assert len(found) == len(seaweedfs.INNER_PORTS) + 2
    return found


def exchange(port: int, request: bytes, context: ssl.SSLContext | None = None) -> bytes:
    """Return the beginning of what a port answers; nothing if it closes the connection."""
    with suppress(ConnectionError, TimeoutError), socket.create_connection((HOST, port), timeout=3) as plain:
        connection = context.wrap_socket(plain) if context else plain
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


def _is_grpc(answer: bytes) -> bool:
    return len(answer) > 3 and answer[3] == SETTINGS_FRAME and not answer.startswith(b"HTTP")


@pytest.mark.attack("unsigned request", "s3")
def test_no_inner_port_answers_a_plain_request(inner_ports: list[int]) -> None:
    for port in inner_ports:
        answer = exchange(port, LIST_BUCKETS)
        # A server that speaks TLS says so, and nothing else.
        assert not answer or b"HTTP/1.0 400 Bad Request" in answer, (port, answer)
        assert not _is_grpc(exchange(port, GRPC_PREFACE)), port


@pytest.mark.attack("forged token", "s3")
def test_no_inner_port_answers_without_the_certificate_of_the_stack(inner_ports: list[int], tmp_path: Path) -> None:
    for file, text in zip(CERTIFICATE, make_certificate((HOST,)), strict=True):
        (tmp_path / file).write_text(text)
    forged = (tmp_path / CERTIFICATE[0], tmp_path / CERTIFICATE[1])
    for port in inner_ports:
        for certificate in (None, forged):
            with suppress(ssl.SSLError):
                answer = exchange(port, GRPC_PREFACE, tls(certificate))
                assert answer == b"", (port, answer)


def test_the_parts_of_the_server_are_let_in_by_that_certificate(inner_ports: list[int], stack: Stack) -> None:
    own = (stack.folder / CERTIFICATE[0], stack.folder / CERTIFICATE[1])
    assert all(exchange(port, GRPC_PREFACE, tls(own)) for port in inner_ports)
    assert {file.stat().st_mode & 0o777 for file in own} == {0o600}


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
def test_a_request_to_s3_without_a_signature_is_refused_and_changes_nothing(
    method: str,
    path: str,
    headers: dict[str, str],
    body: str,
    stack: Stack,
    bucket: Bucket,
    record_property: Callable[[str, object], None],
) -> None:
    answer = httpx.request(method, stack.addresses["s3"] + path, headers=headers, content=body, trust_env=False)
    record_property("answer", str(answer.status_code))
    assert answer.status_code in (400, 403, 405)
    assert b"kept" not in answer.content
    assert bucket.get(OBJECT) == b"kept"


def test_what_was_kept_before_the_ports_were_closed_can_be_read_after(tmp_path: Path) -> None:
    """The earlier version started the server without any of the keys."""
    keys = dict.fromkeys(("READMIT_S3_ACCESS_KEY", "READMIT_S3_SECRET_KEY"), "of-the-test")
    login = {"AWS_ACCESS_KEY_ID": "of-the-test", "AWS_SECRET_ACCESS_KEY": "of-the-test"}
    (tmp_path / "secrets.json").write_text(json.dumps(dict.fromkeys(SECRETS, "kept") | keys))
    content = b"kept" * 2_000_000
    for own in ({}, s3_variables(tmp_path, HOST)):
        port, *inner = free_ports(1 + len(seaweedfs.INNER_PORTS))
        command = seaweedfs.command(tmp_path / "s3", HOST, port, dict(zip(seaweedfs.INNER_PORTS, inner, strict=True)))
        processes = Processes(tmp_path / "processes")
        closing_options = () if own else ("-disableHttp", "-s3.allowedOrigins=none", "-s3.iam=false")
        service = ServiceProcess(
            "s3",
            [part for part in command if part not in closing_options],
            environment_with(login | own),
            f"http://{HOST}:{port}/status",
        )
        try:
            processes.start(service)
            processes.wait_until_healthy(service)
            bucket = Bucket(NAME, f"http://{HOST}:{port}", "of-the-test", "of-the-test")
            bucket.make()
            if not own:
                bucket.put(OBJECT, content)
            assert bucket.get(OBJECT) == content
        finally:
            processes.stop()
