"""Attacks on a data API that requires a token and serves HTTPS, in a separate process."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest

from readmit.stacks.certificates import make_certificate
from tests.ec2_api.source_process import running

RecordProperty = Callable[[str, object], None]
TOKEN = "a token of these tests"
HANDSHAKES = 50
TIMEOUT_SECONDS = 30.0


@pytest.fixture(scope="module")
def client(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Start a data API with one batch of 15,000 rows, and return a client that verifies it and has no token."""
    folder = tmp_path_factory.mktemp("source")
    files = folder / "certificate.pem", folder / "key.pem"
    for file, text in zip(files, make_certificate(("127.0.0.1",)), strict=True):
        file.write_text(text)
    tls = {"SOURCE_TLS_CERTIFICATE": str(files[0]), "SOURCE_TLS_KEY": str(files[1])}
    changes = {"DATA": str(sample), "SOURCE_STATE": str(folder / "state"), "SOURCE_TOKEN": TOKEN}
    with running(folder / "log", **changes, **tls) as (_, unverified):
        trust = ssl.create_default_context(cafile=str(files[0]))
        with httpx.Client(base_url=unverified.base_url, verify=trust, timeout=TIMEOUT_SECONDS) as verified:
            yield verified
        assert "Traceback" not in (folder / "log").read_text()


def rows(client: httpx.Client) -> int:
    response = client.get("/batches/1", headers={"Authorization": f"Bearer {TOKEN}"})
    return len(response.raise_for_status().json())


@pytest.mark.attack("missing token", "ec2-api")
@pytest.mark.parametrize("authorization", [None, "Bearer", "Bearer x", f"Basic {TOKEN}", f"Bearer {TOKEN}{TOKEN}"])
@pytest.mark.parametrize("path", ["/batches", "/batches/1", "/batches/1?format=parquet", "/get_data"])
def test_without_the_token_no_row_is_served(
    client: httpx.Client, path: str, authorization: str | None, record_property: RecordProperty
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    response = client.get(path, headers=headers)
    record_property("answer", str(response.status_code))
    assert response.status_code == 401
    assert "patient_nbr" not in response.text
    assert TOKEN not in response.text
    assert client.head(path, headers=headers).status_code == 401


@pytest.mark.attack("stalled TLS handshakes", "ec2-api")
def test_stalled_handshakes_do_not_block_other_clients(client: httpx.Client, record_property: RecordProperty) -> None:
    address = client.base_url.host, client.base_url.port or 443
    with ExitStack() as connections:
        for _ in range(HANDSHAKES):
            connection = connections.enter_context(socket.create_connection(address, TIMEOUT_SECONDS))
            # The begin of a ClientHello.
            connection.sendall(b"\x16\x03\x01\x02\x00\x01")
        started = time.monotonic()
        assert rows(client) == 15_000
        with suppress(ConnectionResetError):
            assert connection.recv(1) == b"", "closed, without a response"
        assert time.monotonic() - started < TIMEOUT_SECONDS
    record_property("answer", "closed; others are served")
