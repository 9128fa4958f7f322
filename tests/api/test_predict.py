import json
import re
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from api.example import EXAMPLE
from api.fast_path import FastPath
from api.request_parsing import MOST_BYTES
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
    """A row of UCI's file as the data API hands it out: whole numbers as numbers, all else as it stands."""
    texts = dict(zip(UCI_HEADER.split(","), UCI_ROW.split(","), strict=True))
    whole = {name for name in texts if name in BY_NAME and BY_NAME[name].whole_number}
    return {name: int(text) if name in whole else text for name, text in texts.items()}


def refusal(client: Client, body: bytes | str, status: int, **headers: str) -> dict[str, Any]:
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


def test_a_row_of_the_source_is_taken_as_it_is(client: Client) -> None:
    response = client.post("/predict", json=source_row())
    assert response.status_code == 200, response.text
    renamed = {name.replace("-", "_"): value for name, value in source_row().items()}
    assert client.post("/predict", json=renamed).json()["probability"] == response.json()["probability"]


def test_the_facts_that_the_originals_form_asked_are_enough(client: Client) -> None:
    response = client.post("/predict", json=FORM)
    assert response.status_code == 200, response.text
    assert any(warning.startswith("diag_1 is absent") for warning in response.json()["warnings"])


def test_what_the_model_never_saw_is_in_the_warnings(client: Client) -> None:
    answer = client.post("/predict", json={**EXAMPLE, "diag_1": "999.9", "num_medications": 300}).json()
    surprises = [warning.split()[0] for warning in answer["warnings"] if "absent" not in warning]
    assert surprises == ["num_medications", "diag_1"]


@pytest.mark.parametrize("required", list(FORM))
def test_a_missing_required_field_is_named(client: Client, required: str) -> None:
    record = {name: value for name, value in EXAMPLE.items() if name != required}
    assert refusal(client, json.dumps(record), 422)["fields"] == [{"field": required, "message": "is required"}]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("time_in_hospital", "5"),
        ("time_in_hospital", 5.0),
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
def test_a_wrong_type_an_unknown_category_and_an_unknown_field_are_named(
    client: Client, field: str, value: object
) -> None:
    body = json.dumps({**EXAMPLE, field: value}).replace("Infinity", "1e999")
    assert [fault["field"] for fault in refusal(client, body, 422)["fields"]] == [field]


def test_all_faults_of_a_record_are_in_one_answer(client: Client) -> None:
    error = refusal(client, json.dumps({**EXAMPLE, "age": "old", "gendre": "Male", "number_inpatient": -1}), 422)
    assert {fault["field"] for fault in error["fields"]} == {"age", "gendre", "number_inpatient"}
    assert all(name in error["message"] for name in ("age", "gendre", "number_inpatient"))


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"{", "no valid JSON"),
        (b'{"age": NaN}', "NaN"),
        (b'{"age": -Infinity}', "Infinity"),
        (b'{"age": 1} {}', "goes on"),
        (b'{"age": "\x01"}', "no valid JSON"),
        (b"\xef\xbb\xbf{}", "no valid JSON"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8"),
        (b'{"age": "[0-10)", "age": "[0-10)"}', "twice"),
        (b"[" * 30_000, "nested"),
        (b'{"age":' * 9_000, "nested"),
        (b'{"age": ' + b"9" * 5_000 + b"}", "no valid JSON"),
        (b"[]", "no JSON object"),
        (b"null", "no JSON object"),
        (b'"text"', "no JSON object"),
        (b"5", "no JSON object"),
    ],
)
def test_a_body_that_is_no_json_object_gets_400_with_its_cause(client: Client, body: bytes, cause: str) -> None:
    error = refusal(client, body, 400)
    assert cause in error["message"]
    assert len(error["message"]) < 300


def test_a_body_over_the_limit_gets_413(client: Client) -> None:
    assert "larger than 65,536 bytes" in refusal(client, b"x" * 10_000_000, 413)["message"]
    refusal(client, b" " * (MOST_BYTES + 1), 413)
    refusal(client, b" " * MOST_BYTES, 400)


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16", "multipart/form-data"],
)
def test_another_content_type_gets_415_that_names_it(client: Client, kind: str) -> None:
    refusal(client, json.dumps(EXAMPLE), 415, **{"Content-Type": kind})
    assert "compressed" in refusal(client, b"{}", 415, **{"Content-Encoding": "gzip"})["message"]


@pytest.mark.parametrize("headers", [{"Content-Type": "application/json; charset=UTF-8"}, {}])
def test_json_needs_no_content_type(client: Client, headers: dict[str, str]) -> None:
    assert client.post("/predict", content=json.dumps(EXAMPLE), headers=headers).status_code == 200


def test_the_callers_request_id_comes_back_if_it_is_sane(client: Client) -> None:
    kept = client.post("/predict", json=EXAMPLE, headers={"X-Request-ID": "ward-7:42"})
    assert kept.headers["x-request-id"] == kept.json()["request_id"] == "ward-7:42"
    for mad in ("", "a b", "x" * 65, "<script>"):
        made = client.post("/predict", json=EXAMPLE, headers={"X-Request-ID": mad})
        assert re.fullmatch("[0-9a-f]{32}", made.json()["request_id"])
    failed = client.post("/predict", content=b"", headers={"X-Request-ID": "ward-7:43"})
    assert failed.headers["x-request-id"] == failed.json()["request_id"] == "ward-7:43"


def test_a_payload_of_the_originals_gets_422_that_names_its_fields_and_its_translation_an_answer(
    client: Client,
) -> None:
    page = (Path(__file__).parents[2] / "docs/from-the-original.md").read_text()
    there, here = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    strangers, lacking = set(json.loads(there)) - set(ACCEPTED_FIELDS), set(json.loads(here)) - set(json.loads(there))
    assert strangers
    assert {fault["field"] for fault in refusal(client, there, 422)["fields"]} == strangers | lacking
    assert client.post("/predict", json=json.loads(here)).status_code == 200
