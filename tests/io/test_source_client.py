import hashlib
import json
from collections.abc import Callable

import pytest

from readmit.core.errors import ContractViolated, PrerequisiteMissing, SourceUnavailable
from readmit.io import source_client
from readmit.io.object_store import frame_of

Start = Callable[[Callable[[str], tuple[int, dict[str, str], bytes]]], str]
BODY = b"a batch"
SHA = hashlib.sha256(BODY).hexdigest()


def test_a_batch_is_handed_on_when_it_is_what_the_source_declares(answering: Start) -> None:
    url = answering(lambda _: (200, {"ETag": f'"{SHA}"', "X-Rows": "7"}, BODY))
    assert source_client.fetch(url, 1) == source_client.FetchedBatch(BODY, SHA, 7)


@pytest.mark.parametrize(
    ("headers", "word"),
    [
        ({"X-Rows": "7"}, "declared is none"),
        ({"ETag": '"123"', "X-Rows": "7"}, "declared is 123"),
        ({"ETag": f'"{SHA}"'}, "not a number of rows"),
    ],
)
def test_a_batch_that_is_not_what_the_source_declares_is_refused(
    answering: Start, headers: dict[str, str], word: str
) -> None:
    with pytest.raises(ContractViolated, match=word):
        source_client.fetch(answering(lambda _: (200, headers, BODY)), 1)


@pytest.mark.parametrize("status", [404, 425])
def test_a_batch_that_is_not_out_is_not_there_yet(answering: Start, status: int) -> None:
    with pytest.raises(PrerequisiteMissing, match="batches/9"):
        source_client.fetch(answering(lambda _: (status, {}, b"{}")), 9)


def test_a_source_that_fails_or_is_away_is_worth_another_try(answering: Start) -> None:
    with pytest.raises(SourceUnavailable, match="status 503") as failing:
        source_client.state(answering(lambda _: (503, {}, b"")))
    for address in ("http://127.0.0.1:9", "http://ec2-api:port", "http://ec2..api", "ec2-api:5001"):
        with pytest.raises(SourceUnavailable, match=address):
            source_client.state(address)
    assert failing.value.final is False


def test_a_health_answer_that_lacks_something_is_refused_by_name(answering: Start) -> None:
    body = json.dumps({"source": "uci", "rows": 3}).encode()
    with pytest.raises(ContractViolated, match="batches"):
        source_client.state(answering(lambda _: (200, {}, body)))


HEALTH = {"source": "uci", "rows": 3, "batches": 1, "released": 1, "exhausted": True}


OTHERS = (
    *(b"<html>a proxy</html>", b"", b"\xff\xfe", b"null", b"[3]", b'"uci"'),
    *(json.dumps(HEALTH | wrong).encode() for wrong in ({"rows": 1e999}, {"released": True}, {"exhausted": "no"})),
)


def test_a_health_answer_of_another_kind_is_refused_with_its_address(answering: Start) -> None:
    url = answering(lambda path: (200, {}, OTHERS[int(path.split("/")[1])]))
    for number in range(len(OTHERS)):
        with pytest.raises(ContractViolated, match=f"^{url}/{number}/health: "):
            source_client.state(f"{url}/{number}")


def test_a_slash_at_the_end_of_the_address_does_no_harm(answering: Start) -> None:
    url = answering(lambda path: (200 if path == "/health" else 404, {}, json.dumps(HEALTH).encode()))
    assert source_client.state(f"{url}/") == source_client.SourceState("uci", 3, 1, 1, True)


def test_bytes_that_are_no_parquet_are_refused() -> None:
    with pytest.raises(ContractViolated, match="not a readable Parquet file"):
        frame_of(b"<html>")
