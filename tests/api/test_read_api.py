"""The reading routes, over real databases (SQLite) and a registry that answers in MLflow's words."""

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
from api.read_api import bounded_executor
from api.read_api.bounded_executor import BoundedExecutor
from readmit.core.cleaning import FAULTS_SCHEMA
from readmit.core.suppression import FIELDS_COUNTED, SMALLEST
from readmit.io.database import ledger, rows, sql_query
from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate
from readmit.settings import Settings
from tests.api.conftest import LOCAL, Shelf
from tests.api.ledger_rows import judge, step, store_encounters
from tests.api.registry import registry
from tests.io.conftest import Answer, answering

__all__ = ["answering"]

Client = TestClient[FastPath]
ROUTES = ("/days", "/batches", "/quarantine", "/statistics")


@pytest.fixture
def mlflow(answering: Callable[[Callable[[str], Answer]], str]) -> str:
    return answering(registry)


@pytest.fixture
def database(tmp_path: Path) -> str:
    address = f"sqlite:///{tmp_path / 'db'}"
    connect(address)
    migrate()
    return address


@pytest.fixture
def reader(shelf: Shelf, database: str, mlflow: str) -> Iterator[Client]:
    with TestClient(create_app(shelf, over(database, mlflow)), base_url=LOCAL) as client:
        yield client


def over(database: str, mlflow: str, **more: Any) -> Settings:
    return Settings(database_url=database, mlflow_tracking_uri=mlflow, model_poll_seconds=3600, **more)


def items(client: Client, path: str) -> list[dict[str, Any]]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def test_where_nothing_happened_yet_every_list_is_empty(reader: Client) -> None:
    for path in ROUTES:
        answer = reader.get(path).json()
        assert (answer["items"], answer["total"], answer["pages"]) == ([], 0, 0), path


def test_a_day_tells_its_steps_its_verdict_and_how_it_ended(reader: Client) -> None:
    step("r", "fetch", 2, "SourceAway: no answer")
    step("r", "fetch", 2, {})
    step("r", "register", 2, {"version": "2", "candidate": "lightgbm"})
    step("r", "promote", 2, {"version": "2", "outcome": "promoted", "reason": "better; by far"})
    (day,) = items(reader, "/days")
    assert (day["run_id"], day["batch"], day["state"], day["step"]) == ("r", 2, "done", "promote")
    assert (day["version"], day["outcome"], day["reasons"]) == ("2", "promoted", ["better", "by far"])
    assert day["seconds"] == 6.0
    assert [(each["step"], each["attempts"], each["state"]) for each in day["steps"]] == [
        ("fetch", 2, "done"),
        ("register", 1, "done"),
        ("promote", 1, "done"),
    ]
    assert day["started_at"].endswith("Z")


def test_a_failed_day_says_why_in_words(reader: Client) -> None:
    step("r", "clean", 1, "BatchRefused: 900 of 1,000 encounters quarantined")
    step("s", "clean", 2, "OverflowError: too large")
    told = {day["run_id"]: (day["state"], day["error"]) for day in items(reader, "/days")}
    assert told == {
        "r": ("failed", "900 of 1,000 encounters quarantined"),
        "s": ("failed", "OverflowError: too large"),
    }


def test_a_step_that_runs_without_a_lease_was_killed(reader: Client) -> None:
    step("alive", "train", 1)
    ledger.take_lease(1, "alive", at=time.time(), seconds=60)
    step("dead", "train", 2)
    ledger.take_lease(2, "dead", at=time.time() - 100, seconds=60)
    assert {day["run_id"]: day["state"] for day in items(reader, "/days")} == {"alive": "running", "dead": "killed"}


def test_a_batch_is_done_leased_or_open(reader: Client) -> None:
    ledger.update_batch(1, rows=10, clean=8, quarantined=1, excluded=1, version=2)
    ledger.mark_done(1)
    ledger.take_lease(2, "r", at=time.time(), seconds=60)
    ledger.update_batch(3, rows=5)
    told = items(reader, "/batches")
    assert [(each["batch"], each["state"]) for each in told] == [(3, "open"), (2, "leased"), (1, "done")]
    assert (told[2]["rows"], told[2]["clean"], told[2]["version"]) == (10, 8, "2")


def test_no_number_of_a_patient_is_told_by_the_quarantine(reader: Client) -> None:
    faults = [
        (1, "1", "diag_1", "'123456789' is not an ICD-9 code"),
        (2, "2", "diag_1", "'987654321' is not an ICD-9 code"),
        (3, "3", "patient_nbr", "'12345678x' is not a whole number of 0 or more"),
    ]
    rows.replace_quarantine(1, pl.DataFrame(faults, schema=FAULTS_SCHEMA, orient="row"))
    told = items(reader, "/quarantine?batch=1")
    assert [(each["field"], each["encounters"], each["first"]) for each in told] == [
        ("diag_1", 2, 1),
        ("patient_nbr", 1, 3),
    ]
    assert not any(number in json.dumps(told) for number in ("123456789", "987654321", "12345678x"))


def test_versions_come_newest_first_with_verdict_and_place(reader: Client) -> None:
    judge("2")
    second, first = items(reader, "/versions")
    assert (second["version"], second["in_production"], second["outcome"]) == ("2", True, "promoted")
    assert second["placed"] == {"at": "2026-11-25T09:41:07.123456Z", "by": "promote", "why": "better"}
    assert second["figures"] == {"roc_auc": 0.68, "log_loss": None}
    assert (first["version"], first["in_production"], first["outcome"], first["decided_at"]) == ("1", False, None, None)


def test_a_version_in_full_has_curves_intervals_and_its_candidates(reader: Client) -> None:
    judge("2")
    step("r", "train", 2, {"target": "any", "lightgbm.roc_auc": 0.5})
    step(
        "r",
        "train",
        2,
        {"target": "within_30_days", "lightgbm.roc_auc": 0.66, "lightgbm.run": "abc", "other.ece": None},
    )
    told = reader.get("/versions/2").json()
    assert told["intervals"] == {"roc_auc": {"low": 0.66, "high": 0.70}}
    assert (told["rival"], told["rival_figures"]) == ("1", {"roc_auc": 0.67})
    assert told["curves"]["roc"] == [[0.0, 0.0], [1.0, 1.0]]
    assert told["candidates"] == [
        {"name": "lightgbm", "chosen": True, "run_id": "abc", "figures": {"roc_auc": 0.66}},
        {"name": "other", "chosen": False, "run_id": None, "figures": {"ece": None}},
    ]


def test_a_version_that_there_is_not_is_404(reader: Client) -> None:
    for number in ("9", "x"):
        answer = reader.get(f"/versions/{number}")
        assert answer.status_code == 404
        assert number in answer.json()["error"]["message"]


def test_statistics_equal_what_sql_counts_over_the_same_rows(reader: Client, database: str) -> None:
    store_encounters()
    told = items(reader, "/statistics")
    assert list(dict.fromkeys(each["field"] for each in told)) == list(FIELDS_COUNTED)
    for field in ("gender", "batch"):
        groups = [each for each in told if each["field"] == field]
        for group in groups:
            among = ", ".join(f"'{value}'" for value in group["values"])
            question = (
                "SELECT COUNT(*), SUM(readmitted = '<30') FROM clean_data_db.encounters "
                f"WHERE CAST({field} AS TEXT) IN ({among})"
            )
            with sql_query.answer(database, question) as answered:
                assert next(answered.rows) == (group["encounters"], group["readmitted"])
        assert sum(group["encounters"] for group in groups) == 1203


def test_a_group_in_which_somebody_could_be_found_is_told_with_others(reader: Client) -> None:
    store_encounters()
    told = items(reader, "/statistics?field=gender")
    assert [each["values"] for each in told] == [["Female"], ["Male", "Unknown/Invalid"]]
    answer = reader.get("/statistics?field=diag_1").json()
    assert (answer["smallest"], answer["target"]) == (SMALLEST, "within_30_days")
    assert [each["values"] for each in answer["items"]] == [["3"], ["7"], ["?"]]


def test_lists_are_had_a_page_at_a_time(reader: Client) -> None:
    for batch in range(1, 6):
        ledger.update_batch(batch, rows=1)
    answer = reader.get("/batches?page=2&per_page=2").json()
    assert ([each["batch"] for each in answer["items"]], answer["total"], answer["page"], answer["pages"]) == (
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
def test_a_bad_parameter_is_named(reader: Client, path: str, field: str) -> None:
    answer = reader.get(path)
    assert answer.status_code == 400
    assert field in [each["field"] for each in answer.json()["error"]["fields"]]


def test_services_are_told_up_or_down_and_where_to_look(
    shelf: Shelf, database: str, answering: Callable[[Callable[[str], Answer]], str]
) -> None:
    address = answering(lambda path: (200 if path == "/health" else 500, {}, b"{}"))
    named = (("good", f"{address}/health"), ("bad", f"{address}/broken"), ("away", "http://127.0.0.1:9/health"))
    settings = over(database, address, services=named, pages=(("good", "http://127.0.0.1:5000"),))
    with TestClient(create_app(shelf, settings), base_url=LOCAL) as client:
        told = {each["name"]: each for each in items(client, "/services")}
    assert {name: each["state"] for name, each in told.items()} == {
        "good": "up",
        "bad": "down",
        "away": "down",
        "database": "up",
    }
    assert (told["good"]["page"], told["bad"]["page"]) == ("http://127.0.0.1:5000", None)
    assert told["bad"]["error"] == "Internal Server Error"
    assert told["good"]["milliseconds"] > 0


def test_with_database_and_registry_away_they_say_503_and_predictions_go_on(shelf: Shelf) -> None:
    settings = over("mysql://reader:x@127.0.0.1:9", "http://127.0.0.1:9")
    with TestClient(create_app(shelf, settings), base_url=LOCAL) as client:
        for path in (*ROUTES, "/versions", "/versions/1"):
            answer = client.get(path)
            assert answer.status_code == 503, path
            assert "does not answer" in answer.json()["error"]["message"]
            assert "127.0.0.1" not in answer.text, path
        services = {each["name"]: each for each in items(client, "/services")}
        assert services["database"]["state"] == "down"
        assert "127.0.0.1" not in services["database"]["error"]
        example = json.loads((Path(__file__).parents[2] / "api/example.json").read_text())
        assert client.post("/predict", json=example).status_code == 200


def test_an_api_that_can_make_no_folder_for_a_database_predicts_all_the_same(
    shelf: Shelf, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    settings = over(f"sqlite:///{tmp_path / 'file' / 'db'}", "http://127.0.0.1:9")
    with TestClient(create_app(shelf, settings), base_url=LOCAL) as client:
        answer = client.get("/batches")
        assert answer.status_code == 503
        assert "the database: Not a directory" in caplog.text
        assert client.get("/health/ready").status_code == 200


def test_between_two_steps_a_day_is_running(reader: Client) -> None:
    step("r", "fetch", 1, {})
    ledger.take_lease(1, "r", at=time.time(), seconds=60)
    assert [day["state"] for day in items(reader, "/days")] == ["running"]


def test_they_ask_for_the_key_where_one_is_set(shelf: Shelf, database: str, mlflow: str) -> None:
    settings = over(database, mlflow, api_key=SecretStr("a key"))
    with TestClient(create_app(shelf, settings), base_url=LOCAL) as client:
        for path in (*ROUTES, "/versions", "/versions/1", "/services"):
            assert client.get(path).status_code == 401, path
            assert client.get(path, headers={"X-API-Key": "a key"}).status_code == 200, path


def test_a_question_that_is_not_answered_in_time_is_given_up_and_few_wait_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bounded_executor, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(bounded_executor, "MOST_WAITING", 2)

    async def asked() -> list[BaseException | None]:
        slow = BoundedExecutor("the database")
        answers = await asyncio.gather(*(slow.ask(lambda: time.sleep(0.5)) for _ in range(3)), return_exceptions=True)
        slow.close()
        return answers

    said = [getattr(each, "detail", None) for each in asyncio.run(asked())]
    assert said == [*["the database did not answer within 0 s"] * 2, "too many questions wait for the database already"]
