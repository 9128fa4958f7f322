import json
import re
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from api.example import EXAMPLE
from api.fast_path import FastPath
from api.request_parsing import MAX_BODY_BYTES
from readmit.core.encounter import BY_NAME
from readmit.core.model import model_input, probabilities
from readmit.core.request import ACCEPTED_FIELDS, parse

Client = TestClient[FastPath]

UCI_HEADER = (
    "encounter_id,patient_nbr,race,gender,age,weight,admission_type_id,discharge_disposition_id,admission_source_id,"
    "time_in_hospital,payer_code,medical_specialty,num_lab_procedures,num_procedures,num_medications,"
    "number_outpatient,number_emergency,number_inpatient,diag_1,diag_2,diag_3,number_diagnoses,max_glu_serum,"
    "A1Cresult,metformin,repaglinide,nateglinide,chlorpropamide,glimepiride,acetohexamide,glipizide,glyburide,"
    "tolbutamide,pioglitazone,rosiglitazone,acarbose,miglitol,troglitazone,tolazamide,examide,citoglipton,insulin,"
    "glyburide-metformin,glipizide-metformin,glimepiride-pioglitazone,metformin-rosiglitazone,"
    "metformin-pioglitazone,change,diabetesMed,readmitted"
)
UCI_ROW = (
    "149190,55629189,Caucasian,Female,[10-20),?,1,1,7,3,?,?,59,0,18,0,0,0,276,250.01,255,9,None,None,No,No,No,No,No,"
    "No,No,No,No,No,No,No,No,No,No,No,No,Up,No,No,No,No,No,Ch,Yes,>30"
)
FORM = {name: value for name, value in EXAMPLE.items() if BY_NAME[name].required}


def source_row() -> dict[str, object]:
    """Return a row of UCI's file as the data API returns it: whole numbers as numbers, everything else as text."""
    texts = dict(zip(UCI_HEADER.split(","), UCI_ROW.split(","), strict=True))
    whole = {name for name in texts if name in BY_NAME and BY_NAME[name].whole_number}
    return {name: int(text) if name in whole else text for name, text in texts.items()}


def rejection(client: Client, body: bytes | str, status: int, **headers: str) -> dict[str, Any]:
    response = client.post("/predict", content=body, headers=headers or {"Content-Type": "application/json"})
    assert response.status_code == status, response.text
    answer: dict[str, Any] = response.json()
    assert set(answer) == {"error", "request_id"}
    assert set(answer["error"]) == {"message", "fields"}
    assert "Traceback" not in response.text
    return dict(answer["error"])


def test_an_encounter_gets_the_models_probability_and_the_versions_threshold(client: Client, served: Any) -> None:
    answer = client.post("/predict", json=EXAMPLE).json()
    values = parse(EXAMPLE).values
    (expected,) = probabilities(served.pipeline, model_input({name: [value] for name, value in values.items()}))
    assert answer["probability"] == pytest.approx(expected, abs=1e-12)
    assert answer["threshold"] == served.version.threshold
    assert answer["prediction"] == int(expected >= served.version.threshold)
    assert (answer["model_name"], answer["model_version"]) == ("readmit", "1")


def test_a_row_of_the_source_is_accepted_unchanged(client: Client) -> None:
    response = client.post("/predict", json=source_row())
    assert response.status_code == 200, response.text
    renamed = {name.replace("-", "_"): value for name, value in source_row().items()}
    assert client.post("/predict", json=renamed).json()["probability"] == response.json()["probability"]


def test_the_fields_of_the_original_form_are_enough(client: Client) -> None:
    response = client.post("/predict", json=FORM)
    assert response.status_code == 200, response.text
    assert any(warning.startswith("diag_1 is missing") for warning in response.json()["warnings"])


def test_values_absent_from_the_training_data_cause_warnings(client: Client) -> None:
    answer = client.post("/predict", json={**EXAMPLE, "diag_1": "999.9", "num_medications": 300}).json()
    unseen = [warning.split()[0] for warning in answer["warnings"] if "missing" not in warning]
    assert unseen == ["num_medications", "diag_1"]


@pytest.mark.parametrize("number", ["5.0", "5.00", "50e-1", "0.5E1", "5.0000000000000000000000001"])
def test_a_whole_number_may_be_written_with_decimals(client: Client, number: str) -> None:
    example = json.dumps({**EXAMPLE, "time_in_hospital": 5, "encounter_id": 149190})
    expected = client.post("/predict", content=example).json()["probability"]
    spelled = example.replace('"time_in_hospital": 5', f'"time_in_hospital": {number}').replace("149190", "149190.0")
    assert spelled.count(number) == 1
    for path in ("/predict", "/predict?explain=false"):
        response = client.post(path, content=spelled)
        assert response.status_code == 200, response.text
        assert response.json()["probability"] == expected


@pytest.mark.parametrize(
    ("number", "kind"), [("2.5", "a number with a fraction"), ("1e999", "a number that is too large")]
)
def test_a_number_that_is_not_whole_is_named_as_what_it_is(client: Client, number: str, kind: str) -> None:
    body = json.dumps({**EXAMPLE, "time_in_hospital": 5}).replace(
        '"time_in_hospital": 5', f'"time_in_hospital": {number}'
    )
    (error,) = rejection(client, body, 422)["fields"]
    assert error == {"field": "time_in_hospital", "message": f"must be a whole number, not {kind}"}


def test_a_byte_order_mark_before_the_encounter_is_accepted(client: Client) -> None:
    expected = client.post("/predict", json=EXAMPLE).json()["probability"]
    response = client.post("/predict", content=b"\xef\xbb\xbf" + json.dumps(EXAMPLE).encode())
    assert response.json()["probability"] == expected


@pytest.mark.parametrize("required", list(FORM))
def test_a_missing_required_field_is_reported(client: Client, required: str) -> None:
    record = {name: value for name, value in EXAMPLE.items() if name != required}
    assert rejection(client, json.dumps(record), 422)["fields"] == [{"field": required, "message": "is required"}]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("time_in_hospital", "5"),
        ("time_in_hospital", 5.5),
        ("diag_1", 428.0),
        ("time_in_hospital", True),
        ("time_in_hospital", 1e999),
        ("time_in_hospital", 99),
        ("gender", 1),
        ("gender", "female"),
        ("race", "\ud800"),
        ("diag_1", [1, [2]]),
        ("A1Cresult", "\u0000"),
        ("hba1c", ">8"),
    ],
)
def test_a_wrong_type_an_unknown_category_and_an_unknown_field_are_reported(
    client: Client, field: str, value: object
) -> None:
    body = json.dumps({**EXAMPLE, field: value}).replace("Infinity", "1e999")
    assert [error["field"] for error in rejection(client, body, 422)["fields"]] == [field]


def test_all_errors_of_a_record_are_in_one_response(client: Client) -> None:
    error = rejection(client, json.dumps({**EXAMPLE, "age": "old", "gendre": "Male", "number_inpatient": -1}), 422)
    assert {item["field"] for item in error["fields"]} == {"age", "gendre", "number_inpatient"}
    assert all(name in error["message"] for name in ("age", "gendre", "number_inpatient"))


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"{", "not valid JSON"),
        (b'{"age": NaN}', "NaN"),
        (b'{"age": -Infinity}', "Infinity"),
        (b'{"age": 1} {}', "trailing data"),
        (b'{"age": "\x01"}', "not valid JSON"),
        (b"\xef\xbb\xbf", "not valid JSON at line 1, column 1"),
        (b"\xef\xbb\xbf[]", "not a JSON object"),
        (b'{"age": "4\t01"}', r"line 1, column 11: a tab within a text: write it as \t"),
        (b"{'age': 1}", "single quote"),
        (b'{"age": 1,}', "line 1, column 10: a comma before a closing bracket"),
        (b'{"age": None}', "null"),
        (b'{\n "age": "[0-10)" // years\n}', "line 2, column 18: a comment"),
        ('{"age": "[0-10)"}'.encode("utf-16"), "not UTF-8 but UTF-16"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8"),
        (b'{"age": "[0-10)", "age": "[0-10)"}', "duplicate key"),
        (b"[" * 30_000, "nested"),
        (b'{"age":' * 9_000, "nested"),
        (b'{"age": ' + b"9" * 5_000 + b"}", "line 1, column 9: a number of 5,000 digits is too long"),
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b"5", "not a JSON object"),
    ],
)
def test_a_body_that_is_not_a_json_object_gets_400_with_its_cause(client: Client, body: bytes, cause: str) -> None:
    error = rejection(client, body, 400)
    assert cause in error["message"]
    assert len(error["message"]) < 300


def test_a_body_over_the_limit_gets_413(client: Client) -> None:
    assert "larger than 65,536 bytes" in rejection(client, b"x" * 10_000_000, 413)["message"]
    rejection(client, b" " * (MAX_BODY_BYTES + 1), 413)
    rejection(client, b" " * MAX_BODY_BYTES, 400)


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16", "multipart/form-data"],
)
def test_an_unsupported_content_type_gets_415(client: Client, content_type: str) -> None:
    rejection(client, json.dumps(EXAMPLE), 415, **{"Content-Type": content_type})
    assert "compressed" in rejection(client, b"{}", 415, **{"Content-Encoding": "gzip"})["message"]


@pytest.mark.parametrize("headers", [{"Content-Type": "application/json; charset=UTF-8"}, {}])
def test_json_needs_no_content_type(client: Client, headers: dict[str, str]) -> None:
    assert client.post("/predict", content=json.dumps(EXAMPLE), headers=headers).status_code == 200


def test_a_valid_request_id_of_the_client_is_returned(client: Client) -> None:
    accepted = client.post("/predict", json=EXAMPLE, headers={"X-Request-ID": "ward-7:42"})
    assert accepted.headers["x-request-id"] == accepted.json()["request_id"] == "ward-7:42"
    for invalid in ("", "a b", "x" * 65, "<script>"):
        replaced = client.post("/predict", json=EXAMPLE, headers={"X-Request-ID": invalid})
        assert re.fullmatch("[0-9a-f]{32}", replaced.json()["request_id"])
    failed = client.post("/predict", content=b"", headers={"X-Request-ID": "ward-7:43"})
    assert failed.headers["x-request-id"] == failed.json()["request_id"] == "ward-7:43"


def test_a_payload_of_the_original_gets_422_with_its_fields_and_its_translation_a_prediction(
    client: Client,
) -> None:
    page = (Path(__file__).parents[2] / "docs/from-the-original.md").read_text()
    original, translated = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    unknown = set(json.loads(original)) - set(ACCEPTED_FIELDS)
    missing = {name for name in json.loads(translated) if BY_NAME[name].required} - set(json.loads(original))
    assert unknown
    assert {error["field"] for error in rejection(client, original, 422)["fields"]} == unknown | missing
    assert client.post("/predict", json=json.loads(translated)).status_code == 200
