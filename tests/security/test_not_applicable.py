"""A stay that ended in death or hospice gets no prediction, on any route."""

import csv
import io
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from litestar.testing import TestClient
from pydantic import SecretStr

from api.app import create_app
from api.example import EXAMPLE
from api.fast_decoder import FastDecoder
from api.fast_path import FastPath
from api.openapi import encounter_schemas
from ec2_api.sample import write_sample
from readmit.core.applicability import NOT_APPLICABLE, is_applicable
from readmit.core.encounter import BY_NAME, DISPOSITION, EXCLUDED_DISPOSITIONS, python_name
from readmit.io.lightgbm_native import load_scorer
from readmit.settings import Settings
from tests.api.conftest import LOCAL, TOKEN, InMemoryModelSource, served

__all__ = ["served"]
Client = TestClient[FastPath]
ENDED = [{**EXAMPLE, DISPOSITION: int(disposition)} for disposition in EXCLUDED_DISPOSITIONS]
MIXED: list[dict[str, object]] = [dict(EXAMPLE), ENDED[0], {**ENDED[1], "age": "old"}, ENDED[2]]
PARQUET = "application/vnd.apache.parquet"
SAMPLE_ROWS = 4_000


@pytest.fixture(scope="module")
def client(served: Any) -> Iterator[Client]:
    settings = Settings(reload_token=SecretStr(TOKEN), model_poll_seconds=3600)
    with TestClient(create_app(InMemoryModelSource(served), settings), base_url=LOCAL) as client:
        yield client


def metric(client: Client, name: str) -> float:
    lines = client.get("/metrics").text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


@pytest.mark.parametrize("disposition", EXCLUDED_DISPOSITIONS)
@pytest.mark.parametrize("path", ["/predict", "/predict?explain=false", "/predict?explain=true"])
def test_an_encounter_that_ended_in_death_or_hospice_is_rejected_on_that_field(
    client: Client, path: str, disposition: str
) -> None:
    response = client.post(path, json={**EXAMPLE, DISPOSITION: int(disposition)})
    assert response.status_code == 422
    error = response.json()["error"]
    assert error["fields"] == [{"field": DISPOSITION, "message": NOT_APPLICABLE}]
    assert "probability" not in response.text


def test_the_fast_path_leaves_such_an_encounter_to_the_app(served: Any) -> None:
    decoder = FastDecoder(load_scorer(served.artifact))
    assert decoder.decode(json.dumps(EXAMPLE).encode()) is not None
    for record in ENDED:
        assert decoder.decode(json.dumps(record).encode()) is None


def test_invalid_fields_take_precedence_over_the_disposition(client: Client) -> None:
    fields = client.post("/predict", json={**ENDED[0], "age": "old"}).json()["error"]["fields"]
    assert [error["field"] for error in fields] == ["age"]


def test_a_batch_separates_such_rows_from_errors_in_json(client: Client) -> None:
    items = client.post("/predict_batch", json=MIXED).json()["predictions"]
    assert [next(iter(item)) for item in items] == ["prediction", "not_applicable", "error", "not_applicable"]
    assert items[1] == {"not_applicable": {"index": 1, "field": DISPOSITION, "message": NOT_APPLICABLE}}


@pytest.mark.parametrize("kind", ["text/csv", PARQUET])
def test_a_batch_separates_such_rows_from_errors_in_a_table(client: Client, kind: str) -> None:
    content = client.post("/predict_batch", json=MIXED, headers={"Accept": kind}).content
    table = pl.read_csv(content) if kind == "text/csv" else pl.read_parquet(io.BytesIO(content))
    assert table.columns == ["index", "prediction", "probability", "error", "warnings"]
    assert [error == NOT_APPLICABLE for error in table["error"]] == [False, True, False, True]
    assert table["prediction"].is_null().to_list() == table["probability"].is_null().to_list()
    assert table["probability"].is_null().to_list() == [False, True, True, True]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_batch_posted_as_a_table_gets_the_same_response(client: Client, kind: str) -> None:
    frame, buffer = pl.DataFrame([EXAMPLE, *ENDED]), io.BytesIO()
    frame.write_csv(buffer) if kind == "csv" else frame.write_parquet(buffer)
    headers = {"Content-Type": "text/csv" if kind == "csv" else PARQUET}
    items = client.post("/predict_batch", content=buffer.getvalue(), headers=headers).json()["predictions"]
    assert ["not_applicable" in item for item in items] == [False] + [True] * len(ENDED)


def test_such_encounters_are_counted_separately_from_errors_and_predictions(client: Client) -> None:
    def read_counters() -> tuple[float, float, float]:
        names = ("readmit_predictions_not_applicable_total", 'readmit_prediction_errors_total{status="422"}')
        skipped, failed = (metric(client, name) for name in names)
        return skipped, failed, metric(client, "readmit_predictions_total{")

    before = read_counters()
    client.post("/predict", json=ENDED[0])
    client.post("/predict?explain=true", json=ENDED[0])
    client.post("/predict_batch", json=MIXED)
    assert [after - earlier for after, earlier in zip(read_counters(), before, strict=True)] == [4, 1, 1]


def test_the_openapi_schema_has_no_excluded_disposition() -> None:
    schemas = encounter_schemas()
    properties, ids = schemas["Encounter"].properties, schemas["DischargeDisposition"].enum
    assert properties is not None
    assert ids is not None
    disposition = properties[DISPOSITION]
    (reference, *_) = disposition.any_of  # type: ignore[union-attr,misc]  # an anyOf of several schemas
    assert reference.ref == "#/components/schemas/DischargeDisposition"  # type: ignore[union-attr]  # a Reference
    assert set(map(str, ids)) == set(BY_NAME[DISPOSITION].choices) - set(EXCLUDED_DISPOSITIONS)
    assert NOT_APPLICABLE in str(disposition.description)


def count_predicted_exclusions(client: Client, content: bytes) -> tuple[int, int]:
    """Return how many stays of a CSV ended in death or hospice, and how many of those got a prediction."""
    names = [python_name(name) for name in next(csv.reader(io.StringIO(content.decode())))]
    rows = [dict(zip(names, row, strict=True)) for row in list(csv.reader(io.StringIO(content.decode())))[1:]]
    ended = [index for index, row in enumerate(rows) if not is_applicable(row)]
    response = client.post("/predict_batch", content=content, headers={"Content-Type": "text/csv", "Accept": PARQUET})
    predictions = pl.read_parquet(io.BytesIO(response.content))["prediction"]
    return len(ended), sum(predictions[index] is not None for index in ended)


def test_no_stay_of_the_sample_that_ended_in_death_or_hospice_gets_a_prediction(client: Client, tmp_path: Path) -> None:
    write_sample(tmp_path / "sample.csv", rows=SAMPLE_ROWS, seed=130)
    ended, predicted = count_predicted_exclusions(client, (tmp_path / "sample.csv").read_bytes())
    assert ended > 50
    assert predicted == 0


def test_no_stay_of_the_real_file_that_ended_in_death_or_hospice_gets_a_prediction(client: Client) -> None:
    path = os.environ.get("READMIT_DATA", "")
    if Path(path).suffix != ".zip":
        pytest.skip("READMIT_DATA is not a zip of UCI's: needs the real file")
    with zipfile.ZipFile(path) as archive, archive.open("diabetic_data.csv") as file:
        header, *lines = file.read().splitlines(keepends=True)
    counts_by_chunk = [
        count_predicted_exclusions(client, header + b"".join(lines[start : start + 50_000]))
        for start in range(0, len(lines), 50_000)
    ]
    ended, predicted = (sum(counts) for counts in zip(*counts_by_chunk, strict=True))
    assert ended > 2_000
    assert predicted == 0
