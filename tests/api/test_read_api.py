"""The read routes, with real databases (SQLite) and a registry that responds like MLflow."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from litestar.testing import TestClient
from pydantic import SecretStr

from api.app import create_app
from api.fast_path import FastPath
from api.model_examples import EVALUATION
from api.read_api import bounded_executor
from api.read_api.bounded_executor import BoundedExecutor
from readmit.core.cleaning import FAULTS_SCHEMA
from readmit.core.suppression import FIELDS_COUNTED, MIN_CELL_SIZE
from readmit.io.database import leases, ledger, rows, set_aside_batches, sql_query
from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate
from readmit.settings import Settings
from tests.api.conftest import LOCAL, InMemoryModelSource
from tests.api.ledger_rows import store_encounters, store_step, store_verdict
from tests.api.registry import answer_mlflow
from tests.io.conftest import StubResponse, stub_server

__all__ = ["stub_server"]

Client = TestClient[FastPath]
ROUTES = ("/days", "/batches", "/quarantine", "/prospective", "/statistics")


@pytest.fixture
def mlflow(stub_server: Callable[[Callable[[str], StubResponse]], str]) -> str:
    return stub_server(answer_mlflow)


@pytest.fixture
def database(tmp_path: Path) -> str:
    address = f"sqlite:///{tmp_path / 'db'}"
    connect(address)
    migrate()
    return address


@pytest.fixture
def reader(model_source: InMemoryModelSource, database: str, mlflow: str) -> Iterator[Client]:
    with TestClient(create_app(model_source, settings_for(database, mlflow)), base_url=LOCAL) as client:
        yield client


def settings_for(database: str, mlflow: str, **others: Any) -> Settings:
    return Settings(database_url=database, mlflow_tracking_uri=mlflow, model_poll_seconds=3600, **others)


def items(client: Client, path: str) -> list[dict[str, Any]]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    result: list[dict[str, Any]] = answer.json()["items"]
    return result


def test_every_list_is_empty_before_the_first_run(reader: Client) -> None:
    for path in ROUTES:
        answer = reader.get(path).json()
        assert (answer["items"], answer["total"], answer["pages"]) == ([], 0, 0), path


def test_a_day_has_its_steps_its_verdict_and_its_state(reader: Client) -> None:
    store_step("r", "fetch", 2, "SourceUnavailable: no answer")
    store_step("r", "fetch", 2, {})
    store_step("r", "register", 2, {"version": "2", "candidate": "lightgbm"})
    store_step("r", "promote", 2, {"version": "2", "outcome": "promoted", "reason": "better; by far"})
    (day,) = items(reader, "/days")
    assert (day["run_id"], day["batch"], day["state"], day["step"]) == ("r", 2, "done", "promote")
    assert (day["version"], day["outcome"], day["reasons"]) == ("2", "promoted", ["better", "by far"])
    assert day["seconds"] == 6.0
    assert [(item["step"], item["attempts"], item["state"]) for item in day["steps"]] == [
        ("fetch", 2, "done"),
        ("register", 1, "done"),
        ("promote", 1, "done"),
    ]
    assert day["started_at"].endswith("Z")


def test_a_failed_day_has_the_error_message(reader: Client) -> None:
    store_step("r", "clean", 1, "BatchRejected: 900 of 1,000 encounters quarantined")
    store_step("s", "clean", 2, "OverflowError: too large")
    days = {day["run_id"]: (day["state"], day["error"]) for day in items(reader, "/days")}
    assert days == {
        "r": ("failed", "900 of 1,000 encounters quarantined"),
        "s": ("failed", "OverflowError: too large"),
    }


def test_a_step_that_runs_without_a_lease_was_killed(reader: Client) -> None:
    store_step("alive", "train", 1)
    leases.acquire(1, "alive", at=time.time(), seconds=60)
    store_step("dead", "train", 2)
    leases.acquire(2, "dead", at=time.time() - 100, seconds=60)
    assert {day["run_id"]: day["state"] for day in items(reader, "/days")} == {"alive": "running", "dead": "killed"}


def test_a_batch_is_done_leased_set_aside_or_open(reader: Client) -> None:
    ledger.update_batch(1, rows=10, clean=8, quarantined=1, excluded=1, version=2)
    ledger.mark_done(1)
    leases.acquire(2, "r", at=time.time(), seconds=60)
    for batch in (3, 4):
        ledger.update_batch(batch, rows=5)
    set_aside_batches.add(3, "ana", "damaged")
    batches = items(reader, "/batches")
    states = {item["batch"]: item["state"] for item in batches}
    assert states == {4: "open", 3: "set_aside", 2: "leased", 1: "done"}
    assert (batches[3]["rows"], batches[3]["clean"], batches[3]["version"]) == (10, 8, "2")


def test_the_quarantine_contains_no_patient_numbers(reader: Client) -> None:
    faults = [
        (1, "1", "diag_1", "'123456789' is not an ICD-9 code"),
        (2, "2", "diag_1", "'987654321' is not an ICD-9 code"),
        (3, "3", "patient_nbr", "'12345678x' is not a whole number of 0 or more"),
    ]
    rows.replace_quarantine(1, pl.DataFrame(faults, schema=FAULTS_SCHEMA, orient="row"))
    quarantine = items(reader, "/quarantine?batch=1")
    assert [(item["field"], item["encounters"], item["first"]) for item in quarantine] == [
        ("diag_1", 2, 1),
        ("patient_nbr", 1, 3),
    ]
    assert not any(number in json.dumps(quarantine) for number in ("123456789", "987654321", "12345678x"))


def test_versions_are_listed_newest_first_with_verdict_and_promotion(reader: Client) -> None:
    store_verdict("2")
    second, first = items(reader, "/versions")
    assert (second["version"], second["in_production"], second["outcome"]) == ("2", True, "promoted")
    assert second["placed"] == {"at": "2026-11-25T09:41:07.123456Z", "by": "promote", "why": "better"}
    assert second["figures"] == {"roc_auc": 0.68, "log_loss": None}
    assert (first["version"], first["in_production"], first["outcome"], first["decided_at"]) == ("1", False, None, None)


def test_a_version_in_detail_has_curves_intervals_and_its_candidates(reader: Client) -> None:
    store_verdict("2")
    store_step("r", "train", 2, {"target": "any", "lightgbm.roc_auc": 0.5})
    store_step(
        "r",
        "train",
        2,
        {"target": "within_30_days", "lightgbm.roc_auc": 0.66, "lightgbm.run": "abc", "other.ece": None},
    )
    version = reader.get("/versions/2").json()
    assert version["intervals"] == {"roc_auc": {"low": 0.66, "high": 0.70}}
    assert (version["rival"], version["rival_figures"]) == ("1", {"roc_auc": 0.67})
    assert version["curves"]["roc"] == [[0.0, 0.0], [1.0, 1.0]]
    assert version["candidates"] == [
        {"name": "lightgbm", "chosen": True, "run_id": "abc", "figures": {"roc_auc": 0.66}},
        {"name": "other", "chosen": False, "run_id": None, "figures": {"ece": None}},
    ]


def test_the_evaluation_of_a_version_is_the_stored_one(reader: Client) -> None:
    assert reader.get("/versions/2/evaluation").json() == EVALUATION


def test_a_version_without_an_evaluation_gets_404(reader: Client) -> None:
    answer = reader.get("/versions/1/evaluation")
    assert answer.status_code == 404
    message = "version 1 has no evaluation: it is not judged yet, or an older release judged it"
    assert answer.json()["error"]["message"] == message


def test_versions_have_the_roc_auc_by_which_they_are_compared(reader: Client) -> None:
    assert [item["comparable_roc_auc"] for item in items(reader, "/versions")] == [0.677, None]


@pytest.mark.parametrize("path", ["", "/evaluation"])
def test_an_unknown_version_gets_404(reader: Client, path: str) -> None:
    for number in ("9", "x"):
        answer = reader.get(f"/versions/{number}{path}")
        assert answer.status_code == 404
        assert number in answer.json()["error"]["message"]


def test_statistics_equal_what_sql_counts_over_the_same_rows(reader: Client, database: str) -> None:
    store_encounters()
    statistics = items(reader, "/statistics")
    assert list(dict.fromkeys(item["field"] for item in statistics)) == list(FIELDS_COUNTED)
    for field in ("gender", "batch"):
        groups = [item for item in statistics if item["field"] == field]
        for group in groups:
            values = ", ".join(f"'{value}'" for value in group["values"])
            query = (
                "SELECT COUNT(*), SUM(readmitted = '<30') FROM clean_data_db.encounters "
                f"WHERE CAST({field} AS TEXT) IN ({values})"
            )
            with sql_query.execute_query(database, query) as result:
                assert next(result.rows) == (group["encounters"], group["readmitted"])
        assert sum(group["encounters"] for group in groups) == 1203


def test_a_group_that_is_too_small_is_merged_with_others(reader: Client) -> None:
    store_encounters()
    groups = items(reader, "/statistics?field=gender")
    assert [item["values"] for item in groups] == [["Female"], ["Male", "Unknown/Invalid"]]
    answer = reader.get("/statistics?field=diag_1").json()
    assert (answer["smallest"], answer["target"]) == (MIN_CELL_SIZE, "within_30_days")
    assert [item["values"] for item in answer["items"]] == [["3"], ["7"], ["?"]]


def test_lists_are_paged(reader: Client) -> None:
    for batch in range(1, 6):
        ledger.update_batch(batch, rows=1)
    answer = reader.get("/batches?page=2&per_page=2").json()
    assert ([item["batch"] for item in answer["items"]], answer["total"], answer["page"], answer["pages"]) == (
        [3, 2],
        5,
        2,
        3,
    )
    assert reader.get("/batches?page=9").json()["items"] == []


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/days?page=0", "page"),
        ("/batches?per_page=201", "per_page"),
        ("/quarantine?batch=x", "batch"),
        ("/statistics?field=weight", "field"),
    ],
)
def test_an_invalid_parameter_is_reported(reader: Client, path: str, field: str) -> None:
    answer = reader.get(path)
    assert answer.status_code == 400
    assert field in [item["field"] for item in answer.json()["error"]["fields"]]


def test_services_are_up_or_down_and_have_the_address_of_their_page(
    model_source: InMemoryModelSource, database: str, stub_server: Callable[[Callable[[str], StubResponse]], str]
) -> None:
    address = stub_server(lambda path: (200 if path == "/health" else 500, {}, b"{}"))
    named = (("good", f"{address}/health"), ("bad", f"{address}/broken"), ("away", "http://127.0.0.1:9/health"))
    settings = settings_for(database, address, services=named, pages=(("good", "http://127.0.0.1:5000"),))
    with TestClient(create_app(model_source, settings), base_url=LOCAL) as client:
        services = {item["name"]: item for item in items(client, "/services")}
    assert {name: item["state"] for name, item in services.items()} == {
        "good": "up",
        "bad": "down",
        "away": "down",
        "database": "up",
    }
    assert (services["good"]["page"], services["bad"]["page"]) == ("http://127.0.0.1:5000", None)
    assert services["bad"]["error"] == "Internal Server Error"
    assert services["good"]["milliseconds"] > 0


def test_an_s3_server_without_the_health_path_of_another_make_is_up(
    model_source: InMemoryModelSource, database: str, stub_server: Callable[[Callable[[str], StubResponse]], str]
) -> None:
    denied = b"<Error><Code>AccessDenied</Code></Error>"
    address = stub_server(lambda path: (403 if path == "/" else 404, {}, denied))
    settings = settings_for(database, address, services=(("s3", address), ("mlflow", address)))
    with TestClient(create_app(model_source, settings), base_url=LOCAL) as client:
        services = {item["name"]: item["state"] for item in items(client, "/services")}
    assert services == {"s3": "up", "mlflow": "down", "database": "up"}


def test_with_database_and_registry_unavailable_read_routes_get_503_and_predictions_go_on(
    model_source: InMemoryModelSource,
) -> None:
    settings = settings_for("mysql://reader:x@127.0.0.1:9", "http://127.0.0.1:9")
    with TestClient(create_app(model_source, settings), base_url=LOCAL) as client:
        for path in (*ROUTES, "/versions", "/versions/1", "/versions/1/evaluation"):
            answer = client.get(path)
            assert answer.status_code == 503, path
            assert "is unavailable" in answer.json()["error"]["message"]
            assert "127.0.0.1" not in answer.text, path
        services = {item["name"]: item for item in items(client, "/services")}
        assert services["database"]["state"] == "down"
        assert "127.0.0.1" not in services["database"]["error"]
        example = json.loads((Path(__file__).parents[2] / "api/example.json").read_text())
        assert client.post("/predict", json=example).status_code == 200


def test_an_api_that_cannot_create_the_folder_of_its_database_still_predicts(
    model_source: InMemoryModelSource, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    settings = settings_for(f"sqlite:///{tmp_path / 'file' / 'db'}", "http://127.0.0.1:9")
    with TestClient(create_app(model_source, settings), base_url=LOCAL) as client:
        answer = client.get("/batches")
        assert answer.status_code == 503
        assert "the database: Not a directory" in caplog.text
        assert client.get("/health/ready").status_code == 200


def test_between_two_steps_a_day_is_running(reader: Client) -> None:
    store_step("r", "fetch", 1, {})
    leases.acquire(1, "r", at=time.time(), seconds=60)
    assert [day["state"] for day in items(reader, "/days")] == ["running"]


def test_read_routes_require_the_key_where_one_is_set(
    model_source: InMemoryModelSource, database: str, mlflow: str
) -> None:
    settings = settings_for(database, mlflow, api_key=SecretStr("a key"))
    with TestClient(create_app(model_source, settings), base_url=LOCAL) as client:
        for path in (*ROUTES, "/versions", "/versions/1", "/versions/2/evaluation", "/services"):
            assert client.get(path).status_code == 401, path
            assert client.get(path, headers={"X-API-Key": "a key"}).status_code == 200, path


def test_a_query_that_takes_too_long_is_abandoned_and_few_wait_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bounded_executor, "TIMEOUT_SECONDS", 0.1)
    monkeypatch.setattr(bounded_executor, "MAX_WAITING", 2)

    async def run_three() -> list[BaseException | None]:
        slow = BoundedExecutor("the database")
        results = await asyncio.gather(*(slow.run(lambda: time.sleep(0.5)) for _ in range(3)), return_exceptions=True)
        slow.close()
        return results

    messages = [getattr(error, "detail", None) for error in asyncio.run(run_three())]
    timeout = "the database did not respond within 0 s"
    assert messages == [timeout, timeout, "too many queries are waiting for the database"]
