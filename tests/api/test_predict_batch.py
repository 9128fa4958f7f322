import csv
import io
import json
from itertools import pairwise
from typing import Any

import pytest
from litestar.testing import TestClient

from api import body
from api.example import EXAMPLE
from api.lane import Lane

Client = TestClient[Lane]
CSV = {"Content-Type": "text/csv"}
RECORDS: list[Any] = [{**EXAMPLE, "number_inpatient": number} for number in (0, 30, 7, 55)]


def as_csv(records: list[dict[str, object]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(records[0]))
    writer.writeheader()
    writer.writerows(records)
    return out.getvalue()


def single(client: Client, record: object) -> float:
    return float(client.post("/predict", json=record).json()["probability"])


def test_a_json_array_gets_what_predict_answers_item_by_item_in_order(client: Client) -> None:
    answers = client.post("/predict_batch", json=RECORDS).json()["predictions"]
    assert [item["probability"] for item in answers] == pytest.approx([single(client, record) for record in RECORDS])
    assert len({item["request_id"] for item in answers}) == len(RECORDS)
    assert set(answers[0]) == set(client.post("/predict", json=EXAMPLE).json())


def test_csv_gets_the_same_probabilities_as_json(client: Client) -> None:
    from_csv = client.post("/predict_batch", content=as_csv(RECORDS), headers=CSV).json()["predictions"]
    from_json = client.post("/predict_batch", json=RECORDS).json()["predictions"]
    assert [item["probability"] for item in from_csv] == [item["probability"] for item in from_json]


def test_a_record_that_is_none_has_its_error_in_its_place_and_spoils_no_other(client: Client) -> None:
    spoilt = [RECORDS[0], {**EXAMPLE, "age": "old"}, 7, {**EXAMPLE, "typo": 1}, {}, RECORDS[1]]
    response = client.post("/predict_batch", json=spoilt)
    assert response.status_code == 200
    answers = response.json()["predictions"]
    assert [item["error"]["index"] for item in answers[1:5]] == [1, 2, 3, 4]
    assert [item["error"]["field"] for item in answers[1:4]] == ["age", "", "typo"]
    assert "age: is required" in answers[4]["error"]["message"]
    assert answers[0]["probability"] == pytest.approx(single(client, RECORDS[0]))
    assert answers[5]["probability"] == pytest.approx(single(client, RECORDS[1]))


def test_the_answer_is_csv_where_accept_asks_for_it(client: Client) -> None:
    response = client.post("/predict_batch", json=[EXAMPLE, {**EXAMPLE, "age": "old"}], headers={"Accept": "text/csv"})
    assert response.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert list(rows[0]) == ["index", "prediction", "probability", "error"]
    assert float(rows[0]["probability"]) == pytest.approx(single(client, EXAMPLE))
    assert (rows[0]["error"], rows[1]["prediction"], rows[1]["probability"]) == ("", "", "")
    assert rows[1]["error"].startswith("age: ")


@pytest.mark.parametrize("accept", ["image/png", "text/csv;q=inf", "nonsense", "text/html, text/plain"])
def test_an_accept_that_names_neither_json_nor_csv_gets_406(client: Client, accept: str) -> None:
    assert client.post("/predict_batch", json=[EXAMPLE], headers={"Accept": accept}).status_code == 406


@pytest.mark.parametrize("accept", ["*/*", "application/*", "text/csv;q=0.5, application/json"])
def test_an_accept_that_allows_json_gets_json(client: Client, accept: str) -> None:
    response = client.post("/predict_batch", json=[EXAMPLE], headers={"Accept": accept})
    assert len(response.json()["predictions"]) == 1


def test_an_empty_batch_gets_no_answers(client: Client) -> None:
    assert client.post("/predict_batch", content=" [ ] ").json() == {"predictions": []}
    assert client.post("/predict_batch", content="age,gender\n", headers=CSV).json() == {"predictions": []}


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "empty"),
        ("{}", "no JSON array"),
        ("[", "no valid JSON"),
        ("[{}", "comma or ]"),
        ("[{} {}]", "comma or ]"),
        ("[{},]", "no valid JSON"),
        ("[] []", "goes on"),
        ('[{"age": NaN}]', "NaN"),
        ('[{}, {"age": 1, "age": 1}]', "record 1"),
        ("[" * 100_000, "nested"),
        (json.dumps([{"x" * body.LONGEST_RECORD: 1}, {}]), "record 0"),
    ],
)
def test_a_body_that_is_no_json_array_gets_400_with_its_cause(client: Client, text: str, cause: str) -> None:
    response = client.post("/predict_batch", content=text)
    assert response.status_code == 400
    assert cause in response.json()["error"]["message"]


@pytest.mark.parametrize(
    "text", ['age\n"[0-10', 'age\n"[0-10)"x\n', "age,age\n1,2\n", "metformin-rosiglitazone,metformin_rosiglitazone\n"]
)
def test_a_body_that_is_no_csv_gets_400(client: Client, text: str) -> None:
    assert client.post("/predict_batch", content=text, headers=CSV).status_code == 400


def test_a_row_of_csv_with_a_cell_too_few_has_its_error_in_its_place(client: Client) -> None:
    text = as_csv(RECORDS[:1]) + "Caucasian,Female\n\n" + as_csv(RECORDS[:1]).splitlines()[1]
    first, second, third = client.post("/predict_batch", content=text, headers=CSV).json()["predictions"]
    assert first["probability"] == third["probability"]
    assert "2 cells" in second["error"]["message"]


def test_csv_may_begin_with_a_byte_order_mark(client: Client) -> None:
    text = "\ufeff" + as_csv(RECORDS[:1])
    assert "error" not in client.post("/predict_batch", content=text.encode(), headers=CSV).json()["predictions"][0]


def test_a_batch_over_the_limits_gets_413(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.post("/predict_batch", content=b" " * (body.MOST_BATCH_BYTES + 1)).status_code == 413
    monkeypatch.setattr(body, "MOST_RECORDS", 3)
    assert client.post("/predict_batch", json=RECORDS[:3]).status_code == 200
    response = client.post("/predict_batch", json=RECORDS)
    assert response.status_code == 413
    assert "more than 3 records" in response.json()["error"]["message"]


def test_another_content_type_gets_415(client: Client) -> None:
    assert client.post("/predict_batch", content="x", headers={"Content-Type": "text/xml"}).status_code == 415


def test_probabilities_of_a_batch_follow_its_records_when_they_are_shuffled(client: Client) -> None:
    records = [{**EXAMPLE, "number_inpatient": number} for number in range(60)]
    forth = [item["probability"] for item in client.post("/predict_batch", json=records).json()["predictions"]]
    back = [item["probability"] for item in client.post("/predict_batch", json=records[::-1]).json()["predictions"]]
    assert back == forth[::-1]
    assert any(first != second for first, second in pairwise(forth))
