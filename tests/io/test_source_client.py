import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from ec2_api.sample import write_sample
from readmit.core.errors import ContractViolated, PrerequisiteMissing, SourceAccessDenied, SourceUnavailable
from readmit.io import source_client
from readmit.io.object_store import from_parquet
from readmit.io.source_client import SourceEndpoint
from readmit.setting_values import ca_context
from readmit.stacks.certificates import make_certificate
from tests.ec2_api.source_process import running

StubServer = Callable[[Callable[[str], tuple[int, dict[str, str], bytes]]], str]
BODY = b"a batch"
SHA = hashlib.sha256(BODY).hexdigest()


def test_a_batch_that_matches_its_headers_is_returned(stub_server: StubServer) -> None:
    url = stub_server(lambda _: (200, {"ETag": f'"{SHA}"', "X-Rows": "7"}, BODY))
    assert source_client.fetch_batch(SourceEndpoint(url), 1) == source_client.FetchedBatch(BODY, SHA, 7)


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({"X-Rows": "7"}, "but the source declares none"),
        ({"ETag": '"123"', "X-Rows": "7"}, "but the source declares 123"),
        ({"ETag": f'"{SHA}"'}, "not a number of rows"),
    ],
)
def test_a_batch_that_does_not_match_its_headers_is_rejected(
    stub_server: StubServer, headers: dict[str, str], message: str
) -> None:
    with pytest.raises(ContractViolated, match=message):
        source_client.fetch_batch(SourceEndpoint(stub_server(lambda _: (200, headers, BODY))), 1)


@pytest.mark.parametrize("status", [404, 425])
def test_a_batch_that_is_not_released_is_a_missing_prerequisite(stub_server: StubServer, status: int) -> None:
    with pytest.raises(PrerequisiteMissing, match="batches/9"):
        source_client.fetch_batch(SourceEndpoint(stub_server(lambda _: (status, {}, b"{}"))), 9)


def test_a_source_that_fails_or_is_unavailable_is_retried(stub_server: StubServer) -> None:
    with pytest.raises(SourceUnavailable, match="status 503") as failing:
        source_client.fetch_state(SourceEndpoint(stub_server(lambda _: (503, {}, b""))))
    for address in ("http://127.0.0.1:9", "http://ec2-api:port", "http://ec2..api", "ec2-api:5001"):
        with pytest.raises(SourceUnavailable, match=address):
            source_client.fetch_state(SourceEndpoint(address))
    assert failing.value.final is False


def test_a_health_response_with_a_missing_field_is_rejected_with_its_name(stub_server: StubServer) -> None:
    body = json.dumps({"source": "uci", "rows": 3}).encode()
    with pytest.raises(ContractViolated, match="batches"):
        source_client.fetch_state(SourceEndpoint(stub_server(lambda _: (200, {}, body))))


HEALTH = {"source": "uci", "rows": 3, "batches": 1, "released": 1, "exhausted": True}


INVALID_BODIES = (
    *(b"<html>a proxy</html>", b"", b"\xff\xfe", b"null", b"[3]", b'"uci"'),
    *(json.dumps(HEALTH | invalid).encode() for invalid in ({"rows": 1e999}, {"released": True}, {"exhausted": "no"})),
)


def test_an_invalid_health_response_is_rejected_with_its_address(stub_server: StubServer) -> None:
    url = stub_server(lambda path: (200, {}, INVALID_BODIES[int(path.split("/")[1])]))
    for number in range(len(INVALID_BODIES)):
        with pytest.raises(ContractViolated, match=f"^{url}/{number}/health: "):
            source_client.fetch_state(SourceEndpoint(f"{url}/{number}"))


def test_a_trailing_slash_of_the_address_is_ignored(stub_server: StubServer) -> None:
    url = stub_server(lambda path: (200 if path == "/health" else 404, {}, json.dumps(HEALTH).encode()))
    assert source_client.fetch_state(SourceEndpoint(f"{url}/")) == source_client.SourceState("uci", 3, 1, 1, True)


def test_bytes_that_are_not_parquet_are_rejected() -> None:
    with pytest.raises(ContractViolated, match="not a readable Parquet file"):
        from_parquet(b"<html>")


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Run the data API with a token and TLS, and yield its address and its certificate, for the name ec2-api."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    for file, text in zip((certificate, key), make_certificate(("ec2-api",)), strict=True):
        file.write_text(text)
    write_sample(tmp_path / "sample.csv", rows=30, seed=7)
    changes = {"DATA": str(tmp_path / "sample.csv"), "SOURCE_STATE": str(tmp_path / "state"), "SOURCE_TOKEN": "hush"}
    tls = {"SOURCE_TLS_CERTIFICATE": str(certificate), "SOURCE_TLS_KEY": str(key), "ALLOWED_HOSTS": "ec2-api"}
    with running(tmp_path / "log", **changes, **tls) as (_, client):
        yield f"https://127.0.0.1:{client.base_url.port}", certificate


def test_a_batch_is_fetched_from_a_changing_address_with_the_token_and_a_verified_certificate(
    secured: tuple[str, Path],
) -> None:
    url, certificate = secured
    tls = ca_context(certificate)
    source = SourceEndpoint(url, "hush", tls, "ec2-api")
    assert source_client.fetch_state(source).released == 1
    assert source_client.fetch_batch(source, 1).rows == 30
    for token, article in ((None, "a"), ("wrong", "another")):
        with pytest.raises(SourceAccessDenied, match=f"requires {article} token: set READMIT_SOURCE_TOKEN") as denied:
            source_client.fetch_batch(replace(source, token=token), 1)
        assert denied.value.final
    with pytest.raises(SourceUnavailable, match="set READMIT_SOURCE_CA"):
        source_client.fetch_state(replace(source, tls=None))
    with pytest.raises(SourceUnavailable, match=r"CERTIFICATE_VERIFY_FAILED.*IP address mismatch"):
        source_client.fetch_state(replace(source, server_name=None))


def test_the_token_is_sent_for_batches_only_and_not_printed(stub_server: StubServer) -> None:
    seen: dict[str, str | None] = {}

    def respond(path: str) -> tuple[int, dict[str, str], bytes]:
        return 200, {"ETag": f'"{SHA}"', "X-Rows": "7"}, BODY if "batches" in path else json.dumps(HEALTH).encode()

    source = SourceEndpoint(stub_server(respond), "hush")
    with httpx_recorder(seen):
        source_client.fetch_state(source)
        source_client.fetch_batch(source, 1)
    assert seen == {"/health": None, "/batches/1": "Bearer hush"}
    assert "hush" not in repr(source)


@contextmanager
def httpx_recorder(seen: dict[str, str | None]) -> Iterator[None]:
    """Record the Authorization header of each request by its path."""
    send = httpx.Client.send

    def record(client: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        seen[request.url.path] = request.headers.get("Authorization")
        return send(client, request, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx.Client, "send", record)
        yield
