import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as some
from litestar.testing import TestClient
from pydantic import SecretStr

from api import request_parsing
from api.app import create_app
from api.batch.scoring import is_plain_number
from api.example import EXAMPLE
from api.fast_path import FastPath
from api.request_parsing import PARQUET
from readmit.core.encounter import BY_NAME, ENCOUNTER
from readmit.core.request import cell_text, value_of
from readmit.settings import Settings
from tests.api.conftest import LOCAL, TOKEN, Shelf

Client = TestClient[FastPath]
OWN_SETTINGS = Settings(reload_token=SecretStr(TOKEN), model_poll_seconds=3600)
CSV = {"Content-Type": "text/csv"}
RECORDS: list[Any] = [{**EXAMPLE, "number_inpatient": number} for number in (0, 30, 7, 55)]


@pytest.fixture(scope="module")
def client(served: Any) -> Iterator[Client]:
    """One for all, for its process for batches takes half a second to start."""
    with TestClient(create_app(Shelf(served), OWN_SETTINGS), base_url=LOCAL, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def restless(shelf: Shelf) -> Iterator[Client]:
    """One whose process or model is about to be another."""
    with TestClient(create_app(shelf, OWN_SETTINGS), base_url=LOCAL) as client:
        yield client


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
        (json.dumps([{"x" * request_parsing.LONGEST_RECORD: 1}, {}]), "record 0"),
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
    assert client.post("/predict_batch", content=b" " * (request_parsing.MOST_BATCH_BYTES + 1)).status_code == 413
    monkeypatch.setattr(request_parsing, "MOST_RECORDS", 3)
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


def as_parquet(frame: pd.DataFrame) -> bytes:
    out = io.BytesIO()
    frame.to_parquet(out, index=False)
    return out.getvalue()


def from_parquet(client: Client, frame: pd.DataFrame, **headers: str) -> Any:
    return client.post("/predict_batch", content=as_parquet(frame), headers={"Content-Type": PARQUET, **headers})


def test_parquet_gets_the_same_probabilities_as_json_whether_its_columns_are_text_or_numbers(client: Client) -> None:
    expected = [item["probability"] for item in client.post("/predict_batch", json=RECORDS).json()["predictions"]]
    typed = pd.DataFrame(RECORDS)
    texts = pd.read_csv(io.StringIO(as_csv(RECORDS)), dtype=str, keep_default_na=False)
    for frame in (typed, texts, typed.astype({"age": "category"}), typed.assign(weight=None)):
        answers = from_parquet(client, frame).json()["predictions"]
        assert [item["probability"] for item in answers] == expected


def test_a_number_that_is_absent_beside_others_is_taken_from_a_data_frame(client: Client) -> None:
    frame = pd.DataFrame([EXAMPLE, {**EXAMPLE, "admission_source_id": None}])
    assert frame["admission_source_id"].dtype == "float64"
    first, second = from_parquet(client, frame).json()["predictions"]
    assert first["probability"] == pytest.approx(single(client, EXAMPLE))
    assert second["probability"] == pytest.approx(single(client, {**EXAMPLE, "admission_source_id": None}))


@pytest.mark.parametrize(
    ("field", "value"),
    [("time_in_hospital", 4.5), ("time_in_hospital", True), ("diag_1", 428), ("race", [1]), ("age", b"[70-80)")],
)
def test_a_column_of_another_type_is_refused_by_name_row_by_row(client: Client, field: str, value: object) -> None:
    frame = pd.DataFrame([EXAMPLE, EXAMPLE]).assign(**{field: [value, value]})
    for item in from_parquet(client, frame).json()["predictions"]:
        assert item["error"]["field"] == field
        assert "must be" in item["error"]["message"]


def test_the_answer_is_parquet_where_accept_asks_for_it(client: Client) -> None:
    response = from_parquet(client, pd.DataFrame([EXAMPLE, {**EXAMPLE, "age": "old"}]), Accept=PARQUET)
    assert response.headers["content-type"] == PARQUET
    table = pd.read_parquet(io.BytesIO(response.content))
    assert list(table) == ["index", "prediction", "probability", "error"]
    assert table["probability"][0] == pytest.approx(single(client, EXAMPLE))
    assert table["error"].tolist()[1].startswith("age: ")
    assert table[["prediction", "probability"]].isna().to_numpy().tolist() == [[False, False], [True, True]]


def test_what_is_no_parquet_gets_400_and_an_empty_one_no_answers(client: Client) -> None:
    for content in (b"PAR1", b"PAR1" + b"x" * 100 + b"PAR1", as_parquet(pd.DataFrame([EXAMPLE]))[:-9]):
        response = client.post("/predict_batch", content=content, headers={"Content-Type": PARQUET})
        assert response.status_code == 400
        assert "no valid Parquet" in response.json()["error"]["message"]
    assert from_parquet(client, pd.DataFrame([EXAMPLE])[:0]).json() == {"predictions": []}


def test_a_parquet_that_unpacks_to_more_than_any_memory_gets_413(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_parsing, "MOST_RECORDS", 50_000)
    small = as_parquet(pd.DataFrame({"age": ["[70-80)"] * 100_000}))
    assert len(small) < 5_000
    response = client.post("/predict_batch", content=small, headers={"Content-Type": PARQUET})
    assert response.status_code == 413


def test_all_faults_of_a_row_of_csv_are_those_that_predict_names(client: Client) -> None:
    record: dict[str, object] = {**EXAMPLE, "age": "old", "num_medications": 5000, "typo": "x"}
    del record["gender"]
    (item,) = client.post("/predict_batch", content=as_csv([record]), headers=CSV).json()["predictions"]
    one = client.post("/predict", json=record).json()["error"]
    assert item["error"]["message"] == one["message"].removeprefix("the record is no encounter: ")
    assert item["error"]["field"] == one["fields"][0]["field"]


def test_csv_with_quotes_is_read_like_csv_without(client: Client) -> None:
    plain = as_csv(RECORDS)
    quoted = "\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in plain.splitlines())
    assert without_ids(client, quoted) == without_ids(client, plain)


def without_ids(client: Client, text: str) -> list[Any]:
    found = client.post("/predict_batch", content=text, headers=CSV).json()["predictions"]
    return [{**item, "request_id": ""} for item in found]


def test_a_batch_warns_of_what_predict_warns_of(client: Client) -> None:
    strange = {**EXAMPLE, "diag_1": "999.9", "num_medications": 300}
    items = client.post("/predict_batch", content=as_csv([dict(EXAMPLE), strange]), headers=CSV).json()["predictions"]
    assert items[0]["warnings"] == client.post("/predict", json=EXAMPLE).json()["warnings"]
    assert items[1]["warnings"] == client.post("/predict", json=strange).json()["warnings"]


def test_ragged_rows_far_down_keep_their_places(client: Client) -> None:
    header, row = as_csv(RECORDS[:1]).split()
    rows = [row] * 60_000
    rows[7] = rows[59_990] = "a,b"
    found = client.post("/predict_batch", content="\n".join([header, *rows]), headers={**CSV, "Accept": "text/csv"})
    lines = found.text.splitlines()[1:]
    assert [place for place, line in enumerate(lines) if "2 cells" in line] == [7, 59_990]
    assert len(lines) == 60_000


def test_each_answer_to_a_batch_names_its_version(client: Client) -> None:
    response = client.post("/predict_batch", json=RECORDS, headers={"Accept": "text/csv"})
    assert response.headers["x-model-version"] == "1"


def test_a_batch_that_kills_its_process_gets_503_and_the_next_one_is_answered(restless: Client) -> None:
    client = restless
    assert client.post("/predict_batch", json=RECORDS).status_code == 200
    worker = max(psutil.Process().children(), key=lambda child: child.create_time())
    worker.suspend()
    worker.kill()
    codes = {client.post("/predict_batch", json=RECORDS).status_code for _ in range(2)}
    assert codes <= {200, 503}
    assert client.post("/predict_batch", json=RECORDS).status_code == 200


def test_a_batch_is_scored_by_the_version_that_is_served(restless: Client, shelf: Any, additive: Any) -> None:
    client = restless
    first = client.post("/predict_batch", json=RECORDS).json()["predictions"][0]
    shelf.promote(additive)
    client.post("/reload_model", headers={"Authorization": "Bearer a token of the tests"})
    second = client.post("/predict_batch", json=RECORDS).json()["predictions"][0]
    assert (first["model_version"], second["model_version"]) == ("1", "3")
    assert second["probability"] == pytest.approx(single(client, RECORDS[0]), abs=1e-12)
    assert first["probability"] != second["probability"]


@given(
    some.one_of(some.from_regex(r"[0-9]{1,14}", fullmatch=True), some.text(max_size=13), some.integers(), some.none())
)
def test_a_number_that_is_plain_is_one_that_the_parser_takes(raw: object) -> None:
    if is_plain_number(raw):
        assert value_of(BY_NAME[ENCOUNTER], raw, cell_text) == int(str(raw))


def test_an_encounters_number_that_is_none_is_named(client: Client) -> None:
    rows = [{"encounter_id": number, **EXAMPLE} for number in (149190, "x1", "0", "9" * 13)]
    items = client.post("/predict_batch", content=as_csv(rows), headers=CSV).json()["predictions"]
    assert ["error" in item for item in items] == [False, True, True, True]
    assert {item["error"]["field"] for item in items[1:]} == {"encounter_id"}


@pytest.mark.parametrize("unread", [[1, 2], {"a": 1}, None, 7])
def test_what_is_dropped_unread_may_be_anything_in_a_batch_too(client: Client, unread: object) -> None:
    response = client.post("/predict_batch", json=[{**EXAMPLE, "patient_nbr": unread, "readmitted": unread}])
    assert response.status_code == 200
    assert "error" not in response.json()["predictions"][0]


@pytest.mark.parametrize("kind", ["float16", "float32", "int8", "uint64"])
def test_a_number_may_be_of_any_width(client: Client, kind: str) -> None:
    frame = pd.DataFrame([EXAMPLE, EXAMPLE]).assign(time_in_hospital=np.array([5, 5], dtype=kind))
    for item in from_parquet(client, frame).json()["predictions"]:
        assert item["probability"] == pytest.approx(single(client, EXAMPLE))


@pytest.mark.parametrize("value", [datetime(2026, 1, 1, tzinfo=UTC), Decimal("4.5"), {"a": 1}, [1]])
def test_a_column_of_what_is_no_number_and_no_text_is_refused_by_name_but_for_those_dropped(
    client: Client, value: object
) -> None:
    frame = pd.DataFrame([EXAMPLE]).assign(time_in_hospital=[value], patient_nbr=[value])
    (item,) = from_parquet(client, frame).json()["predictions"]
    assert item["error"]["field"] == "time_in_hospital"
    assert "patient_nbr" not in item["error"]["message"]
