import hashlib
import json
from collections.abc import Callable

import pytest

from readmit.core.refusal import ContractBroken, NotThereYet, SourceAway
from readmit.io import source
from readmit.io.objects import frame_of

Start = Callable[[Callable[[str], tuple[int, dict[str, str], bytes]]], str]
BODY = b"a batch"
SHA = hashlib.sha256(BODY).hexdigest()


def test_a_batch_is_handed_on_when_it_is_what_the_source_declares(answering: Start) -> None:
    url = answering(lambda _: (200, {"ETag": f'"{SHA}"', "X-Rows": "7"}, BODY))
    assert source.fetch(url, 1) == source.FetchedBatch(BODY, SHA, 7)


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
    with pytest.raises(ContractBroken, match=word):
        source.fetch(answering(lambda _: (200, headers, BODY)), 1)


@pytest.mark.parametrize("status", [404, 425])
def test_a_batch_that_is_not_out_is_not_there_yet(answering: Start, status: int) -> None:
    with pytest.raises(NotThereYet, match="batches/9"):
        source.fetch(answering(lambda _: (status, {}, b"{}")), 9)


def test_a_source_that_fails_or_is_away_is_worth_another_try(answering: Start) -> None:
    with pytest.raises(SourceAway, match="status 503") as failing:
        source.state(answering(lambda _: (503, {}, b"")))
    with pytest.raises(SourceAway, match="127.0.0.1:9"):
        source.state("http://127.0.0.1:9")
    assert failing.value.final is False


def test_a_health_answer_that_lacks_something_is_refused_by_name(answering: Start) -> None:
    body = json.dumps({"source": "uci", "rows": 3}).encode()
    with pytest.raises(ContractBroken, match="batches"):
        source.state(answering(lambda _: (200, {}, body)))


def test_bytes_that_are_no_parquet_are_refused() -> None:
    with pytest.raises(ContractBroken, match="not a Parquet file"):
        frame_of(b"<html>")
