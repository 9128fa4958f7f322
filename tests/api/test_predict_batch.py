import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar.testing import TestClient
from pydantic import SecretStr

from api import request_parsing
from api.app import create_app
from api.batch.scoring import is_plain_encounter_id
from api.example import EXAMPLE
from api.fast_path import FastPath
from api.request_parsing import PARQUET
from readmit.core.encounter import BY_NAME, ENCOUNTER
from readmit.core.request import cell_text, parse_value
from readmit.settings import Settings
from tests.api.conftest import LOCAL, TOKEN, InMemoryModelSource

Client = TestClient[FastPath]
SETTINGS = Settings(reload_token=SecretStr(TOKEN), model_poll_seconds=3600)
CSV = {"Content-Type": "text/csv"}
RECORDS: list[Any] = [{**EXAMPLE, "number_inpatient": number} for number in (0, 30, 7, 55)]


@pytest.fixture(scope="module")
def client(served: Any) -> Iterator[Client]:
    """A client shared by all tests, since its batch worker takes half a second to start."""
    with TestClient(
        create_app(InMemoryModelSource(served), SETTINGS), base_url=LOCAL, raise_server_exceptions=False
    ) as client:
        yield client


@pytest.fixture
def own_client(model_source: InMemoryModelSource) -> Iterator[Client]:
    """A client whose worker or model the test changes."""
    with TestClient(create_app(model_source, SETTINGS), base_url=LOCAL) as client:
        yield client


def as_csv(records: list[dict[str, object]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(records[0]))
    writer.writeheader()
    writer.writerows(records)
    return out.getvalue()


def single_probability(client: Client, record: object) -> float:
    return float(client.post("/predict", json=record).json()["probability"])


def test_a_json_array_gets_what_predict_returns_for_each_item_in_order(client: Client) -> None:
    answers = client.post("/predict_batch", json=RECORDS).json()["predictions"]
    assert [item["probability"] for item in answers] == pytest.approx(
        [single_probability(client, record) for record in RECORDS]
    )
    assert len({item["request_id"] for item in answers}) == len(RECORDS)
    assert set(answers[0]) == set(client.post("/predict", json=EXAMPLE).json())


def test_csv_gets_the_same_probabilities_as_json(client: Client) -> None:
    from_csv = client.post("/predict_batch", content=as_csv(RECORDS), headers=CSV).json()["predictions"]
    from_json = client.post("/predict_batch", json=RECORDS).json()["predictions"]
    assert [item["probability"] for item in from_csv] == [item["probability"] for item in from_json]


def test_an_invalid_record_has_its_error_in_its_place_and_does_not_affect_others(client: Client) -> None:
    records = [RECORDS[0], {**EXAMPLE, "age": "old"}, 7, {**EXAMPLE, "typo": 1}, {}, RECORDS[1]]
    response = client.post("/predict_batch", json=records)
    assert response.status_code == 200
    answers = response.json()["predictions"]
    assert [item["error"]["index"] for item in answers[1:5]] == [1, 2, 3, 4]
    assert [item["error"]["field"] for item in answers[1:4]] == ["age", "", "typo"]
    assert "age: is required" in answers[4]["error"]["message"]
    assert answers[0]["probability"] == pytest.approx(single_probability(client, RECORDS[0]))
    assert answers[5]["probability"] == pytest.approx(single_probability(client, RECORDS[1]))


def test_the_response_is_csv_when_accept_prefers_it(client: Client) -> None:
    response = client.post("/predict_batch", json=[EXAMPLE, {**EXAMPLE, "age": "old"}], headers={"Accept": "text/csv"})
    assert response.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert list(rows[0]) == ["index", "prediction", "probability", "error", "warnings"]
    assert float(rows[0]["probability"]) == pytest.approx(single_probability(client, EXAMPLE))
    assert (rows[0]["error"], rows[1]["prediction"], rows[1]["probability"]) == ("", "", "")
    assert rows[1]["error"].startswith("age: ")


@pytest.mark.parametrize("accept", ["image/png", "text/csv;q=inf", "nonsense", "text/html, text/plain"])
def test_an_accept_header_without_a_supported_type_gets_406(client: Client, accept: str) -> None:
    assert client.post("/predict_batch", json=[EXAMPLE], headers={"Accept": accept}).status_code == 406


@pytest.mark.parametrize("accept", ["*/*", "application/*", "text/csv;q=0.5, application/json"])
def test_an_accept_header_that_allows_json_gets_json(client: Client, accept: str) -> None:
    response = client.post("/predict_batch", json=[EXAMPLE], headers={"Accept": accept})
    assert len(response.json()["predictions"]) == 1


def test_an_empty_batch_gets_no_predictions(client: Client) -> None:
    assert client.post("/predict_batch", content=" [ ] ").json() == {"predictions": []}
    assert client.post("/predict_batch", content="age,gender\n", headers=CSV).json() == {"predictions": []}


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "empty"),
        ("{}", "not a JSON array"),
        ("[", "not valid JSON"),
        ("[{}", "comma or ]"),
        ("[{} {}]", "comma or ]"),
        ("[{},]", "not valid JSON"),
        ("[] []", "trailing data"),
        ('[{"age": NaN}]', "NaN"),
        ('[{}, {"age": 1, "age": 1}]', "record 1"),
        ("[" * 100_000, "nested"),
        (json.dumps([{"x" * request_parsing.MAX_RECORD_CHARS: 1}, {}]), "record 0"),
    ],
)
def test_a_body_that_is_not_a_json_array_gets_400_with_its_cause(client: Client, text: str, cause: str) -> None:
    response = client.post("/predict_batch", content=text)
    assert response.status_code == 400
    assert cause in response.json()["error"]["message"]


@pytest.mark.parametrize(
    "text", ['age\n"[0-10', 'age\n"[0-10)"x\n', "age,age\n1,2\n", "metformin-rosiglitazone,metformin_rosiglitazone\n"]
)
def test_a_body_that_is_not_valid_csv_gets_400(client: Client, text: str) -> None:
    assert client.post("/predict_batch", content=text, headers=CSV).status_code == 400


def test_a_row_of_csv_with_too_few_cells_has_its_error_in_its_place(client: Client) -> None:
    text = as_csv(RECORDS[:1]) + "Caucasian,Female\n\n" + as_csv(RECORDS[:1]).splitlines()[1]
    first, second, third = client.post("/predict_batch", content=text, headers=CSV).json()["predictions"]
    assert first["probability"] == third["probability"]
    assert "2 cells" in second["error"]["message"]


def test_csv_may_begin_with_a_byte_order_mark(client: Client) -> None:
    text = "\ufeff" + as_csv(RECORDS[:1])
    assert "error" not in client.post("/predict_batch", content=text.encode(), headers=CSV).json()["predictions"][0]


def test_a_batch_over_the_limits_gets_413(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.post("/predict_batch", content=b" " * (request_parsing.MAX_BATCH_BYTES + 1)).status_code == 413
    monkeypatch.setattr(request_parsing, "MAX_RECORDS", 3)
    assert client.post("/predict_batch", json=RECORDS[:3]).status_code == 200
    response = client.post("/predict_batch", json=RECORDS)
    assert response.status_code == 413
    assert "more than 3 records" in response.json()["error"]["message"]


def test_an_unsupported_content_type_gets_415(client: Client) -> None:
    assert client.post("/predict_batch", content="x", headers={"Content-Type": "text/xml"}).status_code == 415


def test_probabilities_of_a_batch_follow_its_records_when_they_are_shuffled(client: Client) -> None:
    records = [{**EXAMPLE, "number_inpatient": number} for number in range(60)]
    forward = [item["probability"] for item in client.post("/predict_batch", json=records).json()["predictions"]]
    backward = [item["probability"] for item in client.post("/predict_batch", json=records[::-1]).json()["predictions"]]
    assert backward == forward[::-1]
    assert any(first != second for first, second in pairwise(forward))


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


def test_a_missing_number_in_a_data_frame_is_accepted(client: Client) -> None:
    frame = pd.DataFrame([EXAMPLE, {**EXAMPLE, "admission_source_id": None}])
    assert frame["admission_source_id"].dtype == "float64"
    first, second = from_parquet(client, frame).json()["predictions"]
    assert first["probability"] == pytest.approx(single_probability(client, EXAMPLE))
    assert second["probability"] == pytest.approx(single_probability(client, {**EXAMPLE, "admission_source_id": None}))


@pytest.mark.parametrize(
    ("field", "value"),
    [("time_in_hospital", 4.5), ("time_in_hospital", "4.5"), ("diag_1", 0.5), ("age", b"70")],
)
def test_a_column_of_wrong_values_is_reported_by_name_in_each_row(client: Client, field: str, value: object) -> None:
    frame = pd.DataFrame([EXAMPLE, EXAMPLE]).assign(**{field: [value, value]})
    for item in from_parquet(client, frame).json()["predictions"]:
        assert item["error"]["field"] == field
        assert "is not" in item["error"]["message"]


@pytest.mark.parametrize(("field", "value"), [("diag_1", 428), ("diag_1", 250.83), ("age", EXAMPLE["age"].encode())])
def test_a_column_of_another_type_is_read_by_value(client: Client, field: str, value: object) -> None:
    text = value.decode() if isinstance(value, bytes) else str(value)
    frame = pd.DataFrame([EXAMPLE]).assign(**{field: [value]})
    (item,) = from_parquet(client, frame).json()["predictions"]
    assert item["probability"] == pytest.approx(single_probability(client, {**EXAMPLE, field: text}))


def test_the_response_is_parquet_when_accept_prefers_it(client: Client) -> None:
    response = from_parquet(client, pd.DataFrame([EXAMPLE, {**EXAMPLE, "age": "old"}]), Accept=PARQUET)
    assert response.headers["content-type"] == PARQUET
    table = pd.read_parquet(io.BytesIO(response.content))
    assert list(table) == ["index", "prediction", "probability", "error", "warnings"]
    assert table["probability"][0] == pytest.approx(single_probability(client, EXAMPLE))
    assert table["error"].tolist()[1].startswith("age: ")
    assert table[["prediction", "probability"]].isna().to_numpy().tolist() == [[False, False], [True, True]]


def test_invalid_parquet_gets_400_and_an_empty_table_no_predictions(client: Client) -> None:
    for content in (b"PAR1", b"PAR1" + b"x" * 100 + b"PAR1", as_parquet(pd.DataFrame([EXAMPLE]))[:-9]):
        response = client.post("/predict_batch", content=content, headers={"Content-Type": PARQUET})
        assert response.status_code == 400
        assert "not valid Parquet" in response.json()["error"]["message"]
    assert from_parquet(client, pd.DataFrame([EXAMPLE])[:0]).json() == {"predictions": []}


def test_parquet_that_decompresses_above_the_limit_gets_413(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_parsing, "MAX_RECORDS", 50_000)
    small = as_parquet(pd.DataFrame({"age": ["[70-80)"] * 100_000}))
    assert len(small) < 5_000
    response = client.post("/predict_batch", content=small, headers={"Content-Type": PARQUET})
    assert response.status_code == 413


def test_all_errors_of_a_csv_row_are_those_that_predict_reports(client: Client) -> None:
    record: dict[str, object] = {**EXAMPLE, "age": "old", "num_medications": 5000, "gender": ""}
    (item,) = client.post("/predict_batch", content=as_csv([record]), headers=CSV).json()["predictions"]
    error = client.post("/predict", json=record).json()["error"]
    assert item["error"]["message"] == error["message"].removeprefix("invalid encounter: ")
    assert item["error"]["field"] == error["fields"][0]["field"]


def test_csv_with_quotes_is_read_like_csv_without(client: Client) -> None:
    plain = as_csv(RECORDS)
    quoted = "\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in plain.splitlines())
    assert without_ids(client, quoted) == without_ids(client, plain)


def without_ids(client: Client, text: str) -> list[Any]:
    items = client.post("/predict_batch", content=text, headers=CSV).json()["predictions"]
    return [{**item, "request_id": ""} for item in items]


def test_a_batch_has_the_same_warnings_as_predict(client: Client) -> None:
    unseen = {**EXAMPLE, "diag_1": "999.9", "num_medications": 300}
    items = client.post("/predict_batch", content=as_csv([dict(EXAMPLE), unseen]), headers=CSV).json()["predictions"]
    assert items[0]["warnings"] == client.post("/predict", json=EXAMPLE).json()["warnings"]
    assert items[1]["warnings"] == client.post("/predict", json=unseen).json()["warnings"]


def test_ragged_rows_far_down_keep_their_places(client: Client) -> None:
    header, row = as_csv(RECORDS[:1]).split()
    rows = [row] * 60_000
    rows[7] = rows[59_990] = "a,b"
    response = client.post("/predict_batch", content="\n".join([header, *rows]), headers={**CSV, "Accept": "text/csv"})
    lines = response.text.splitlines()[1:]
    assert [place for place, line in enumerate(lines) if "2 cells" in line] == [7, 59_990]
    assert len(lines) == 60_000


def test_the_response_to_a_batch_has_the_version_as_a_header(client: Client) -> None:
    response = client.post("/predict_batch", json=RECORDS, headers={"Accept": "text/csv"})
    assert response.headers["x-model-version"] == "1"


def test_after_the_worker_was_killed_a_batch_gets_503_at_worst_and_the_next_one_a_prediction(
    own_client: Client,
) -> None:
    client = own_client
    assert client.post("/predict_batch", json=RECORDS).status_code == 200
    worker = max(psutil.Process().children(), key=lambda child: child.create_time())
    worker.suspend()
    worker.kill()
    codes = {client.post("/predict_batch", json=RECORDS).status_code for _ in range(2)}
    assert codes <= {200, 503}
    assert client.post("/predict_batch", json=RECORDS).status_code == 200


def test_a_batch_is_scored_by_the_loaded_version(own_client: Client, model_source: Any, additive: Any) -> None:
    client = own_client
    first = client.post("/predict_batch", json=RECORDS).json()["predictions"][0]
    model_source.promote(additive)
    client.post("/reload_model", headers={"Authorization": "Bearer a token of the tests"})
    second = client.post("/predict_batch", json=RECORDS).json()["predictions"][0]
    assert (first["model_version"], second["model_version"]) == ("1", "3")
    assert second["probability"] == pytest.approx(single_probability(client, RECORDS[0]), abs=1e-12)
    assert first["probability"] != second["probability"]


@given(st.one_of(st.from_regex(r"[0-9]{1,14}", fullmatch=True), st.text(max_size=13), st.integers(), st.none()))
def test_a_plain_encounter_id_is_accepted_by_the_parser(raw: object) -> None:
    if is_plain_encounter_id(raw):
        assert parse_value(BY_NAME[ENCOUNTER], raw, cell_text) == int(str(raw))


def test_an_invalid_encounter_id_is_reported(client: Client) -> None:
    rows = [{"encounter_id": number, **EXAMPLE} for number in (149190, "x1", "0", "9" * 13)]
    items = client.post("/predict_batch", content=as_csv(rows), headers=CSV).json()["predictions"]
    assert ["error" in item for item in items] == [False, True, True, True]
    assert {item["error"]["field"] for item in items[1:]} == {"encounter_id"}


@pytest.mark.parametrize("value", [[1, 2], {"a": 1}, None, 7])
def test_ignored_fields_may_have_any_value_in_a_batch_too(client: Client, value: object) -> None:
    response = client.post("/predict_batch", json=[{**EXAMPLE, "patient_nbr": value, "readmitted": value}])
    assert response.status_code == 200
    assert "error" not in response.json()["predictions"][0]


@pytest.mark.parametrize("dtype", ["float16", "float32", "int8", "uint64"])
def test_a_number_may_have_any_width(client: Client, dtype: str) -> None:
    frame = pd.DataFrame([EXAMPLE, EXAMPLE]).assign(time_in_hospital=np.array([5, 5], dtype=dtype))
    for item in from_parquet(client, frame).json()["predictions"]:
        assert item["probability"] == pytest.approx(single_probability(client, EXAMPLE))


@pytest.mark.parametrize("value", [datetime(2026, 1, 1, tzinfo=UTC), True, {"a": 1}, [1]])
def test_a_column_that_is_neither_number_nor_text_is_reported_by_name_unless_it_is_ignored(
    client: Client, value: object
) -> None:
    frame = pd.DataFrame([EXAMPLE]).assign(time_in_hospital=[value], patient_nbr=[value])
    response = from_parquet(client, frame)
    assert response.status_code == 400
    assert "time_in_hospital (" in response.json()["error"]["message"]
    assert "patient_nbr" not in response.json()["error"]["message"]
    assert from_parquet(client, frame.assign(time_in_hospital=[5])).status_code == 200
