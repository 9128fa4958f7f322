import logging
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from litestar.testing import TestClient

from api.app import create_app
from api.example import EXAMPLE
from api.fast_path import FastPath
from readmit.core.encounter import BY_NAME
from readmit.core.errors import RegistryUnavailable
from readmit.core.request import ACCEPTED_FIELDS
from readmit.core.scorer import Scorer
from readmit.settings import Settings
from tests.api.conftest import LOCAL

Client = TestClient[FastPath]
TOKEN = {"Authorization": "Bearer a token of the tests"}


def metric(client: Client, name: str) -> float | None:
    lines = [line for line in client.get("/metrics").text.splitlines() if line.startswith(name)]
    return float(lines[0].rsplit(" ", 1)[1]) if lines else None


def test_health_reports_whether_a_model_is_loaded(client: Client) -> None:
    for path in ("/", "/health", "/health/ready"):
        response = client.get(path)
        assert response.status_code == 200
        answer = response.json()
        assert (answer["status"], answer["model_loaded"], answer["model_version"]) == ("healthy", True, "1")
        assert datetime.fromisoformat(answer["model_loaded_at"]).tzinfo is not None
    assert client.get("/health/live").status_code == 200


def test_without_a_model_the_api_is_alive_but_not_ready_and_predictions_get_503(
    model_source: Any, settings: Settings
) -> None:
    model_source.alias = None
    with TestClient(create_app(model_source, settings), base_url=LOCAL) as client:
        assert client.get("/health/live").status_code == 200
        assert client.get("/health").json()["status"] == "unhealthy"
        for response in (
            client.get("/health/ready"),
            client.get("/model"),
            client.post("/predict", json=EXAMPLE),
            client.post("/predict_batch", json=[EXAMPLE]),
        ):
            assert response.status_code == 503
        assert client.post("/predict", json=EXAMPLE).json()["error"]["message"] == "no model is in production yet"
        assert client.post("/reload_model", headers=TOKEN).json() == {"version": None, "reloaded": False}


def test_the_api_starts_while_the_registry_is_unavailable_and_serves_once_it_is_back(
    model_source: Any, settings: Settings
) -> None:
    model_source.registry_error = RegistryUnavailable("http://127.0.0.1:1 does not answer")
    with TestClient(create_app(model_source, settings), base_url=LOCAL) as client:
        assert client.post("/predict", json=EXAMPLE).status_code == 503
        assert "registry is unavailable" in client.get("/health/ready").json()["reload_failure"]
        model_source.registry_error = None
        assert client.post("/reload_model", headers=TOKEN).json() == {"version": "1", "reloaded": True}
        assert client.post("/predict", json=EXAMPLE).status_code == 200


def test_a_promoted_version_serves_without_a_reload_request(model_source: Any, settings: Settings, later: Any) -> None:
    quick = settings.model_copy(update={"model_poll_seconds": 0.02})
    with TestClient(create_app(model_source, quick), base_url=LOCAL) as client:
        assert client.post("/predict", json=EXAMPLE).json()["model_version"] == "1"
        model_source.promote(later)
        for _ in range(500):
            if client.get("/health").json()["model_version"] == "2":
                break
        answer = client.post("/predict", json=EXAMPLE).json()
        assert (answer["model_version"], answer["threshold"], answer["prediction"]) == ("2", 0.9999, 0)


def test_the_model_route_describes_the_loaded_version(client: Client, served: Any) -> None:
    answer = client.get("/model").json()
    version = served.version
    assert (answer["name"], answer["version"], answer["candidate"]) == ("readmit", version.number, "lightgbm")
    assert (answer["threshold"], answer["target"], answer["batch"]) == (version.threshold, "within_30_days", 3)
    assert answer["figures"] == {"roc_auc": 0.68}


def test_reload_swaps_the_version_once(client: Client, model_source: Any, later: Any) -> None:
    assert client.post("/reload_model", headers=TOKEN).json() == {"version": "1", "reloaded": False}
    model_source.promote(later)
    assert client.post("/reload_model", headers=TOKEN).json() == {"version": "2", "reloaded": True}
    assert client.post("/reload_model", headers=TOKEN).json() == {"version": "2", "reloaded": False}
    assert metric(client, 'readmit_model_info{candidate="lightgbm",name="readmit",target="within_30_days",version="2"}')


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer x"}, {"Authorization": "a token of the tests"}, {"Authorization": "\xe9"}]
)
def test_reload_without_the_token_gets_401(client: Client, headers: dict[str, str]) -> None:
    response = client.post("/reload_model", headers={name: value.encode("latin-1") for name, value in headers.items()})
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer "}, {"Authorization": "Bearer None"}])
def test_a_reload_is_impossible_without_a_configured_token(model_source: Any, headers: dict[str, str]) -> None:
    with TestClient(create_app(model_source, Settings(reload_token=None)), base_url=LOCAL) as client:
        response = client.post("/reload_model", headers=headers)
    assert response.status_code == 401
    assert "READMIT_RELOAD_TOKEN is not set" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    "error", [RegistryUnavailable("no response"), OSError("artifact is cut"), ValueError("untrusted")]
)
def test_a_failed_reload_keeps_the_old_model_and_reports_the_failure(
    client: Client, model_source: Any, later: Any, error: Exception
) -> None:
    model_source.promote(later)
    model_source.artifact_error = error
    response = client.post("/reload_model", headers=TOKEN)
    assert response.status_code == 503
    assert str(error) in response.json()["error"]["message"]
    assert client.post("/predict", json=EXAMPLE).json()["model_version"] == "1"
    failure = client.get("/health/ready").json()["reload_failure"]
    assert failure.startswith("the production model could not be loaded: ")
    assert str(error) not in failure, "another program's message may contain an address"
    assert metric(client, "readmit_model_reload_failures_total") == 1
    model_source.artifact_error = None
    assert client.post("/reload_model", headers=TOKEN).json()["version"] == "2"
    assert client.get("/health/ready").json()["reload_failure"] is None


def test_a_version_that_cannot_predict_is_not_swapped_in(client: Client, model_source: Any, served: Any) -> None:
    broken = replace(served.version, number="3", scorer="hash of another file")
    model_source.promote(replace(served, version=broken, artifact=served.artifact.replace(b'"base": ', b'"base": 1')))
    assert client.post("/reload_model", headers=TOKEN).status_code == 503
    assert client.post("/predict", json=EXAMPLE).json()["model_version"] == "1"


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("GET", "/predict", 405)])
def test_an_unknown_route_and_a_wrong_method_get_json(client: Client, method: str, path: str, status: int) -> None:
    response = client.request(method, path)
    assert response.status_code == status
    assert response.json()["error"]["message"]
    assert response.json()["request_id"] == response.headers["x-request-id"]


def test_an_internal_error_exposes_neither_a_traceback_nor_patient_data(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> list[float]:
        raise KeyError(EXAMPLE["medical_specialty"])

    monkeypatch.setattr(Scorer, "row", fail)
    for path in ("/predict", "/predict?explain=false"):
        response = client.post(path, json=EXAMPLE)
        assert response.status_code == 500
        assert response.json()["error"] == {"message": "internal error", "fields": []}
        assert response.json()["request_id"] == response.headers["x-request-id"]
    assert metric(client, 'readmit_prediction_errors_total{status="500"}') == 2
    assert "KeyError" in caplog.text
    assert str(EXAMPLE["medical_specialty"]) not in caplog.text


def test_no_value_of_a_patient_reaches_the_log(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        client.post("/predict", json={**EXAMPLE, "encounter_id": 918273645})
        client.post("/predict", json={**EXAMPLE, "race": "Martian-918273645"})
        client.post("/predict_batch", json=[{**EXAMPLE, "race": "Martian-918273645"}])
    assert "918273645" not in caplog.text


def test_metrics_count_predictions_errors_and_requests(client: Client) -> None:
    client.post("/predict", json=EXAMPLE)
    client.post("/predict", content=b"")
    client.post("/predict_batch", json=[EXAMPLE, {}])
    client.get("/nowhere/1")
    client.get("/nowhere/2")
    text = client.get("/metrics").text
    predicted = [line for line in text.splitlines() if line.startswith("readmit_predictions_total{")]
    assert sum(float(line.rsplit(" ", 1)[1]) for line in predicted) == 2
    assert all('version="1"' in line for line in predicted)
    assert metric(client, 'readmit_prediction_errors_total{status="400"}') == 1
    assert metric(client, 'readmit_prediction_errors_total{status="422"}') == 1
    assert metric(client, 'readmit_prediction_duration_seconds_count{route="/predict"}') == 1
    assert metric(client, 'readmit_http_requests_total{method="POST",route="/predict",status="200"}') == 1
    assert metric(client, 'readmit_http_requests_total{method="GET",route="unknown",status="404"}') == 2
    assert metric(client, "readmit_model_loaded_timestamp_seconds")


def test_a_thousand_health_requests_change_nothing(client: Client) -> None:
    before = client.get("/health").json()
    for _ in range(1000):
        client.get("/health")
    assert client.get("/health").json() == before


def test_openapi_describes_every_field_that_predict_takes(client: Client) -> None:
    document = client.get("/schema").json()
    body = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    schemas = document["components"]["schemas"]
    schema = schemas["Encounter"]
    assert body["schema"] == {"$ref": "#/components/schemas/Encounter"}
    assert set(ACCEPTED_FIELDS) <= set(schema["properties"])
    assert schema["required"] == [name for name in ACCEPTED_FIELDS if BY_NAME[name].required]
    assert schema["properties"]["time_in_hospital"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 14,
        "description": BY_NAME["time_in_hospital"].meaning,
    }
    assert schema["properties"]["insulin"]["anyOf"][0] == {"$ref": "#/components/schemas/DrugLevel"}
    assert schemas["DrugLevel"]["enum"] == ["No", "Steady", "Down", "Up"]
    assert schema["properties"]["insulin"]["default"] == "No"
    (example,) = body["examples"].values()
    assert client.post("/predict", json=example["value"]).status_code == 200


def test_openapi_declares_the_errors_of_each_route(client: Client) -> None:
    paths = client.get("/schema").json()["paths"]
    assert {"400", "413", "415", "422", "503"} <= set(paths["/predict"]["post"]["responses"])
    assert {"400", "406", "413", "415", "503"} <= set(paths["/predict_batch"]["post"]["responses"])
    assert set(paths["/predict_batch"]["post"]["responses"]["200"]["content"]) == {
        "application/json",
        "text/csv",
        "application/vnd.apache.parquet",
    }
    assert {"401", "503"} <= set(paths["/reload_model"]["post"]["responses"])
    assert {"/", "/health", "/health/live", "/health/ready", "/model"} <= set(paths)


def test_docs_is_a_page(client: Client) -> None:
    response = client.get("/docs")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    assert "swagger" in response.text
