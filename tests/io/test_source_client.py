import hashlib
import json
from collections.abc import Callable

import pytest

from readmit.core.errors import ContractViolated, PrerequisiteMissing, SourceUnavailable
from readmit.io import source_client
from readmit.io.object_store import from_parquet

StubServer = Callable[[Callable[[str], tuple[int, dict[str, str], bytes]]], str]
BODY = b"a batch"
SHA = hashlib.sha256(BODY).hexdigest()


def test_a_batch_that_matches_its_headers_is_returned(stub_server: StubServer) -> None:
    url = stub_server(lambda _: (200, {"ETag": f'"{SHA}"', "X-Rows": "7"}, BODY))
    assert source_client.fetch_batch(url, 1) == source_client.FetchedBatch(BODY, SHA, 7)


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
        source_client.fetch_batch(stub_server(lambda _: (200, headers, BODY)), 1)


@pytest.mark.parametrize("status", [404, 425])
def test_a_batch_that_is_not_released_is_a_missing_prerequisite(stub_server: StubServer, status: int) -> None:
    with pytest.raises(PrerequisiteMissing, match="batches/9"):
        source_client.fetch_batch(stub_server(lambda _: (status, {}, b"{}")), 9)


def test_a_source_that_fails_or_is_unavailable_is_retried(stub_server: StubServer) -> None:
    with pytest.raises(SourceUnavailable, match="status 503") as failing:
        source_client.fetch_state(stub_server(lambda _: (503, {}, b"")))
    for address in ("http://127.0.0.1:9", "http://ec2-api:port", "http://ec2..api", "ec2-api:5001"):
        with pytest.raises(SourceUnavailable, match=address):
            source_client.fetch_state(address)
    assert failing.value.final is False


def test_a_health_response_with_a_missing_field_is_rejected_with_its_name(stub_server: StubServer) -> None:
    body = json.dumps({"source": "uci", "rows": 3}).encode()
    with pytest.raises(ContractViolated, match="batches"):
        source_client.fetch_state(stub_server(lambda _: (200, {}, body)))


HEALTH = {"source": "uci", "rows": 3, "batches": 1, "released": 1, "exhausted": True}


INVALID_BODIES = (
    *(b"<html>a proxy</html>", b"", b"\xff\xfe", b"null", b"[3]", b'"uci"'),
    *(json.dumps(HEALTH | invalid).encode() for invalid in ({"rows": 1e999}, {"released": True}, {"exhausted": "no"})),
)


def test_an_invalid_health_response_is_rejected_with_its_address(stub_server: StubServer) -> None:
    url = stub_server(lambda path: (200, {}, INVALID_BODIES[int(path.split("/")[1])]))
    for number in range(len(INVALID_BODIES)):
        with pytest.raises(ContractViolated, match=f"^{url}/{number}/health: "):
            source_client.fetch_state(f"{url}/{number}")


def test_a_trailing_slash_of_the_address_is_ignored(stub_server: StubServer) -> None:
    url = stub_server(lambda path: (200 if path == "/health" else 404, {}, json.dumps(HEALTH).encode()))
    assert source_client.fetch_state(f"{url}/") == source_client.SourceState("uci", 3, 1, 1, True)


def test_bytes_that_are_not_parquet_are_rejected() -> None:
    with pytest.raises(ContractViolated, match="not a readable Parquet file"):
        from_parquet(b"<html>")
