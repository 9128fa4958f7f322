"""The fast lane answers what the framework's own route answers, byte for byte, and leaves to it what is not plain."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from litestar.testing import TestClient

from api.example import EXAMPLE
from api.fast_decoder import FastDecoder
from api.fast_path import FastPath
from readmit.core.encounter import BY_NAME, Field
from readmit.core.feature_spec import BASE_COLUMNS
from readmit.core.request import ACCEPTED_FIELDS, RecordRejected, parse
from readmit.io.lightgbm_native import scorer_of

Client = TestClient[FastPath]
ASIDE = "/predict?explain=false"
"""With a question in its address a request takes the framework's route."""


def _values(field: Field) -> some.SearchStrategy[object]:
    """Mostly what can stand in the field, sometimes anything."""
    fitting: some.SearchStrategy[object] = some.integers(field.low, min(field.high, 10**12))
    if field.choices:
        fitting = some.sampled_from([int(each) if field.whole_number else each for each in field.choices])
    elif not field.whole_number:
        fitting = some.from_regex(field.pattern, fullmatch=True)
    odd = some.sampled_from([None, "?", "", 0, -1, 1.0, True, "5", [], {"a": 1}, "a:b", '"', "é", 10**20, "No\x00"])
    return some.one_of(*[fitting] * 12, odd)


RECORDS = some.fixed_dictionaries(
    {name: _values(BY_NAME[name]) for name in ACCEPTED_FIELDS if BY_NAME[name].required},
    optional={
        **{name: _values(BY_NAME[name]) for name in ACCEPTED_FIELDS if not BY_NAME[name].required},
        **{BY_NAME[name].ucis_name: _values(BY_NAME[name]) for name in ACCEPTED_FIELDS if BY_NAME[name].ucis_name},
        "patient_nbr": some.sampled_from([7, "x", None, {"a": 1}]),
        "readmitted": some.sampled_from(["NO", 1, [":"]]),
        "gendre": some.just("Male"),
    },
)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(record=RECORDS)
def test_what_is_plain_is_read_as_the_parser_reads_it(served: Any, record: dict[str, object]) -> None:
    scorer = scorer_of(served.artifact)
    cells = FastDecoder(scorer).read(json.dumps(record).encode())
    if cells is not None:
        assert cells == scorer.cells_of(parse(record))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(record=RECORDS)
def test_both_roads_give_the_same_answer(client: Client, record: dict[str, object]) -> None:
    body, headers = json.dumps(record).encode(), {"Content-Type": "application/json", "X-Request-ID": "the-same"}
    one, other = (client.post(path, content=body, headers=headers) for path in ("/predict", ASIDE))
    assert (one.status_code, one.content) == (other.status_code, other.content)


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(EXAMPLE),
        json.dumps(EXAMPLE, indent=2),
        json.dumps({**EXAMPLE, "glyburide-metformin": "No", "patient_nbr": 1, "readmitted": "NO"}),
        json.dumps({**EXAMPLE, "encounter_id": 149190, "weight": None, "payer_code": "?"}),
    ],
)
def test_what_everybody_sends_is_plain(served: Any, body: str) -> None:
    assert FastDecoder(scorer_of(served.artifact)).read(body.encode()) is not None


@pytest.mark.parametrize(
    "body",
    [
        b'{"age": "[0-10)", "age": "[0-10)"}',
        json.dumps(EXAMPLE).replace('"age"', '"age": "[0-10)", "age"', 1).encode(),
        json.dumps(EXAMPLE).encode() + b"{}",
        json.dumps({**EXAMPLE, "time_in_hospital": True}).encode(),
        json.dumps({**EXAMPLE, "time_in_hospital": 4.0}).encode(),
        json.dumps({**EXAMPLE, "encounter_id": 0}).encode(),
        json.dumps({**EXAMPLE, "patient_nbr": {"a": 1}}).encode(),
        b"\xef\xbb\xbf" + json.dumps(EXAMPLE).encode(),
        b"[" * 100_000,
        b"\xff",
        b"",
    ],
)
def test_what_needs_a_second_look_is_not_plain(served: Any, body: bytes) -> None:
    assert FastDecoder(scorer_of(served.artifact)).read(body) is None


def test_a_plain_record_has_a_cell_for_each_field_that_a_model_is_given(served: Any) -> None:
    cells = FastDecoder(scorer_of(served.artifact)).read(json.dumps(EXAMPLE).encode())
    assert cells is not None
    assert len(cells) == len(BASE_COLUMNS)
    with pytest.raises(RecordRejected):
        parse({})


def test_a_body_that_comes_in_pieces_is_answered_alike(client: Client) -> None:
    body = json.dumps(EXAMPLE).encode()
    headers = {"Content-Type": "application/json"}
    whole = client.post("/predict", content=body, headers=headers).json()
    pieces = client.post("/predict", content=iter([body[:40], body[40:]]), headers=headers).json()
    assert {**whole, "request_id": ""} == {**pieces, "request_id": ""}


def test_both_roads_name_the_version_and_the_request_in_their_headers(client: Client) -> None:
    for path in ("/predict", ASIDE):
        response = client.post(path, json=EXAMPLE, headers={"X-Request-ID": "ward-7"})
        assert (response.headers["x-model-version"], response.headers["x-request-id"]) == ("1", "ward-7")
        assert response.headers["content-type"] == "application/json"
