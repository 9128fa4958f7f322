"""The fast path returns what the framework's route returns, byte for byte, and passes on what is not plain."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar.testing import TestClient

from api.example import EXAMPLE
from api.fast_decoder import FastDecoder
from api.fast_path import FastPath
from readmit.core.encounter import BY_NAME, Field
from readmit.core.feature_spec import BASE_COLUMNS
from readmit.core.request import ACCEPTED_FIELDS, RecordRejected, parse
from readmit.io.lightgbm_native import load_scorer

Client = TestClient[FastPath]
FRAMEWORK_PATH = "/predict?explain=false"
"""A request with a query string takes the framework's route."""


def _values(field: Field) -> st.SearchStrategy[object]:
    """Generate mostly valid values of the field, sometimes others."""
    valid: st.SearchStrategy[object] = st.integers(field.low, min(field.high, 10**12))
    if field.choices:
        valid = st.sampled_from([int(choice) if field.whole_number else choice for choice in field.choices])
    elif not field.whole_number:
        valid = st.from_regex(field.pattern, fullmatch=True)
    odd = st.sampled_from(
        [None, "?", "", 0, -1, 1.0, 3.0, 2.5, -0.0, 1e300, True, "5", [], {"a": 1}, "a:b", '"', "é", 10**20, "No\x00"]
    )
    return st.one_of(*[valid] * 12, odd)


RECORDS = st.fixed_dictionaries(
    {name: _values(BY_NAME[name]) for name in ACCEPTED_FIELDS if BY_NAME[name].required},
    optional={
        **{name: _values(BY_NAME[name]) for name in ACCEPTED_FIELDS if not BY_NAME[name].required},
        **{BY_NAME[name].uci_name: _values(BY_NAME[name]) for name in ACCEPTED_FIELDS if BY_NAME[name].uci_name},
        "patient_nbr": st.sampled_from([7, "x", None, {"a": 1}]),
        "readmitted": st.sampled_from(["NO", 1, [":"]]),
        "gendre": st.just("Male"),
    },
)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(record=RECORDS)
def test_a_plain_encounter_is_decoded_as_the_parser_decodes_it(served: Any, record: dict[str, object]) -> None:
    scorer = load_scorer(served.artifact)
    encoded = FastDecoder(scorer).decode(json.dumps(record).encode())
    if encoded is not None:
        assert encoded == scorer.encode(parse(record))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(record=RECORDS)
def test_both_paths_return_the_same_response(client: Client, record: dict[str, object]) -> None:
    body, headers = json.dumps(record).encode(), {"Content-Type": "application/json", "X-Request-ID": "the-same"}
    fast, framework = (client.post(path, content=body, headers=headers) for path in ("/predict", FRAMEWORK_PATH))
    assert (fast.status_code, fast.content) == (framework.status_code, framework.content)


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(EXAMPLE),
        json.dumps(EXAMPLE, indent=2),
        json.dumps({**EXAMPLE, "glyburide-metformin": "No", "patient_nbr": 1, "readmitted": "NO"}),
        json.dumps({**EXAMPLE, "encounter_id": 149190, "weight": None, "payer_code": "?"}),
        json.dumps({**EXAMPLE, "time_in_hospital": 4.0, "encounter_id": 149190.0}),
        json.dumps(EXAMPLE).replace('"num_medications": 14', '"num_medications": 1.4e1'),
    ],
)
def test_a_usual_encounter_is_plain(served: Any, body: str) -> None:
    assert FastDecoder(load_scorer(served.artifact)).decode(body.encode()) is not None


@pytest.mark.parametrize(
    "body",
    [
        b'{"age": "[0-10)", "age": "[0-10)"}',
        json.dumps(EXAMPLE).replace('"age"', '"age": "[0-10)", "age"', 1).encode(),
        json.dumps(EXAMPLE).encode() + b"{}",
        json.dumps({**EXAMPLE, "time_in_hospital": True}).encode(),
        json.dumps({**EXAMPLE, "time_in_hospital": 4.5}).encode(),
        json.dumps({**EXAMPLE, "discharge_disposition_id": 11.0}).encode(),
        json.dumps({**EXAMPLE, "time_in_hospital": 4}).replace(": 4", ": 1e999").encode(),
        json.dumps({**EXAMPLE, "encounter_id": 0}).encode(),
        json.dumps({**EXAMPLE, "patient_nbr": {"a": 1}}).encode(),
        b"\xef\xbb\xbf" + json.dumps(EXAMPLE).encode(),
        b"[" * 100_000,
        b"\xff",
        b"",
    ],
)
def test_an_unusual_body_is_not_plain(served: Any, body: bytes) -> None:
    assert FastDecoder(load_scorer(served.artifact)).decode(body) is None


def test_a_plain_encounter_has_an_encoded_value_for_each_base_column(served: Any) -> None:
    encoded = FastDecoder(load_scorer(served.artifact)).decode(json.dumps(EXAMPLE).encode())
    assert encoded is not None
    assert len(encoded) == len(BASE_COLUMNS)
    with pytest.raises(RecordRejected):
        parse({})


def test_a_body_sent_in_pieces_gets_the_same_response(client: Client) -> None:
    body = json.dumps(EXAMPLE).encode()
    headers = {"Content-Type": "application/json"}
    whole = client.post("/predict", content=body, headers=headers).json()
    pieces = client.post("/predict", content=iter([body[:40], body[40:]]), headers=headers).json()
    assert {**whole, "request_id": ""} == {**pieces, "request_id": ""}


def test_both_paths_return_the_version_and_the_request_id_as_headers(client: Client) -> None:
    for path in ("/predict", FRAMEWORK_PATH):
        response = client.post(path, json=EXAMPLE, headers={"X-Request-ID": "ward-7"})
        assert (response.headers["x-model-version"], response.headers["x-request-id"]) == ("1", "ward-7")
        assert response.headers["content-type"] == "application/json"
