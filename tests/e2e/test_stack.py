"""Days on real servers: from the source, through MySQL, S3 and MLflow, to a served prediction, and repeated."""

import csv
import io
import json
from pathlib import Path

import httpx
import pytest

from readmit.core.encounter import COLUMNS
from readmit.pipeline import STEPS
from tests.e2e.backend import Backend

pytestmark = pytest.mark.e2e
EXAMPLE = json.loads((Path(__file__).parents[2] / "api/example.json").read_text())
TABLES = ("raw_data_db.encounters", "clean_data_db.encounters", "clean_data_db.splits", "raw_data_db.quarantine")
"""The tables of encounters that the steps fill."""
OBJECTS = """
from hashlib import sha256
from readmit.io.object_store import Bucket
from readmit.settings import load

for name in ("raw", "clean", "datasets"):
    bucket = Bucket(name, *load().s3_login)
    for key in bucket.names():
        print(name, key, sha256(bucket.get(key)).hexdigest())
"""


COLUMNS_OF_TABLES = """
SELECT CONCAT(table_schema, '.', table_name) AS name, column_name AS cell FROM information_schema.columns
WHERE column_name <> 'created_at' ORDER BY table_schema, table_name, ordinal_position
"""


def stored_content(stack: Backend) -> list[str]:
    """Return the row count and a hash sum of each table, without timestamps, and the objects in S3 with their hash."""
    cells = dict.fromkeys(TABLES, "''")
    for row in stack.sql(COLUMNS_OF_TABLES):
        if row["name"] in cells:
            cells[row["name"]] += f", IFNULL(`{row['cell']}`, '~')"
    rows = stack.sql(
        " UNION ALL ".join(
            f"SELECT '{table}' AS name, COUNT(*) AS number, "
            f"SUM(CONV(LEFT(SHA2(CONCAT_WS('|', {cells[table]}), 256), 12), 16, 10)) AS hash FROM {table}"
            for table in TABLES
        )
    )
    # The report of a day contains its duration.
    objects = [line for line in stack.output_in_flows(OBJECTS).splitlines() if " days/" not in line]
    return [*(" ".join(row.values()) for row in rows), *objects]


def versions(stack: Backend) -> list[str]:
    response = stack.get("mlflow", "/api/2.0/mlflow/model-versions/search", filter="name='readmit'")
    return sorted(version["version"] for version in response["model_versions"])


def finished_runs(stack: Backend) -> int:
    (experiment,) = stack.get(
        "mlflow", "/api/2.0/mlflow/experiments/search", max_results="1", filter="name = 'readmit'"
    )["experiments"]
    body = {"experiment_ids": [experiment["experiment_id"]], "filter": "attributes.status = 'FINISHED'"}
    address = f"{stack.addresses['mlflow']}/api/2.0/mlflow/runs/search"
    return len(httpx.post(address, json=body, timeout=60.0, trust_env=False).raise_for_status().json()["runs"])


def prediction(stack: Backend) -> dict[str, object]:
    response = httpx.post(f"{stack.addresses['api']}/predict", json=EXAMPLE, timeout=30.0, trust_env=False)
    content: dict[str, object] = response.raise_for_status().json()
    return {name: value for name, value in content.items() if name != "request_id"}


def test_before_the_first_day_the_api_is_up_and_reports_that_it_has_no_model(stack: Backend) -> None:
    assert stack.get("api", "/health")["model_loaded"] is False


def test_a_day_started_in_prefect_ends_with_a_served_model(stack: Backend) -> None:
    run = stack.run_day()
    assert run.state == "COMPLETED"
    steps = stack.sql("SELECT step, state FROM raw_data_db.step_runs WHERE batch = 1 ORDER BY number")
    assert [(row["step"], row["state"]) for row in steps] == [(step.name, "done") for step in STEPS]
    tasks = stack.prefect_request("POST", "/task_runs/filter", flow_runs={"id": {"any_": [run.id]}})
    assert {task["name"].rpartition("-")[0] for task in tasks} == {step.name for step in STEPS}
    assert stack.get("api", "/health")["model_version"] == "1"
    assert 0 < float(str(prediction(stack)["probability"])) < 1


def test_every_other_batch_is_ingested_and_the_last_one_is_trained_on(stack: Backend) -> None:
    batches = stack.get("ec2-api", "/health")["batches"]
    for _ in range(2, batches):
        assert stack.run_day(train=False).state == "COMPLETED"
    assert stack.run_day().state == "COMPLETED"
    done = stack.sql("SELECT batch FROM raw_data_db.batches WHERE done_at IS NOT NULL ORDER BY batch")
    assert [int(row["batch"]) for row in done] == list(range(1, batches + 1))
    assert stack.get("api", "/health")["model_version"] in versions(stack)


def test_raw_rows_are_exactly_those_of_the_source(stack: Backend) -> None:
    for batch in range(1, stack.get("ec2-api", "/health")["batches"] + 1):
        address = f"{stack.addresses['ec2-api']}/batches/{batch}"
        headers = {"Accept": "text/csv", **stack.source_headers}
        text = httpx.get(address, headers=headers, timeout=60.0, trust_env=False).raise_for_status().text
        names, *expected = csv.reader(io.StringIO(text))
        quoted = ", ".join(f"`{name}`" for name in COLUMNS)
        stored = stack.sql(f"SELECT {quoted} FROM raw_data_db.encounters WHERE batch = {batch} ORDER BY position")
        assert [name.replace("-", "_") for name in names] == list(COLUMNS)
        assert [list(row.values()) for row in stored] == expected


def test_every_encounter_is_stored_once_and_the_counts_add_up(stack: Backend) -> None:
    rows = stack.get("ec2-api", "/health")["rows"]
    (raw,) = stack.sql("SELECT COUNT(*) AS n, COUNT(DISTINCT encounter_id) AS d FROM raw_data_db.diabetes_raw")
    assert raw == {"n": str(rows), "d": str(rows)}
    (sums,) = stack.sql("SELECT SUM(clean) AS c, SUM(quarantined) AS q, SUM(excluded) AS e FROM raw_data_db.batches")
    assert sum(int(number) for number in sums.values()) == rows
    split = {
        name: int(stack.sql(f"SELECT COUNT(*) AS n FROM clean_data_db.{name}_data")[0]["n"])
        for name in ("train", "validation", "test")
    }
    assert sum(split.values()) == int(sums["c"])


def test_objects_match_the_ledger(stack: Backend) -> None:
    objects = [line.split() for line in stack.run_one_off(OBJECTS).splitlines()]
    batches = stack.sql("SELECT raw_object, sha256, clean_object, snapshot_object FROM raw_data_db.batches")
    raw = {name: digest for bucket, name, digest in objects if bucket == "raw"}
    assert raw == {row["raw_object"]: row["sha256"] for row in batches}
    names = {name for _, name, _ in objects}
    assert names >= {row["clean_object"] for row in batches} | {row["snapshot_object"] for row in batches}


def test_mlflow_has_a_run_for_each_candidate_and_names_the_served_version(stack: Backend) -> None:
    # Two trainings, each with five candidates and a refit.
    assert finished_runs(stack) == 12
    query = {"name": "readmit", "alias": "production"}
    production = stack.get("mlflow", "/api/2.0/mlflow/registered-models/alias", **query)["model_version"]["version"]
    assert stack.get("api", "/health")["model_version"] == production


def test_repeating_a_batch_changes_nothing(stack: Backend) -> None:
    before = stored_content(stack), versions(stack), prediction(stack)
    last = stack.get("ec2-api", "/health")["batches"]
    assert stack.run_day(batch=1, train=False).state == "COMPLETED"
    assert stack.run_day(batch=last).state == "COMPLETED"
    assert (stored_content(stack), versions(stack), prediction(stack)) == before


def test_without_a_new_batch_a_day_succeeds_and_says_so(stack: Backend) -> None:
    assert stack.run_day().state == "COMPLETED"
    (last,) = stack.sql("SELECT step, facts FROM raw_data_db.step_runs ORDER BY number DESC LIMIT 1")
    assert last["step"] == "check_source"
    assert json.loads(last["facts"])["word"] == "no new batch"


def test_prometheus_reaches_every_service_that_it_scrapes(stack: Backend) -> None:
    targets = stack.get("prometheus", "/api/v1/targets")["data"]["activeTargets"]
    assert {target["labels"]["job"]: target["health"] for target in targets if target["health"] != "up"} == {}
    (batches,) = stack.get("prometheus", "/api/v1/query", query="readmit_batches_done")["data"]["result"]
    assert int(batches["value"][1]) == stack.get("ec2-api", "/health")["batches"]


def test_a_stop_and_a_start_lose_nothing(stack: Backend) -> None:
    before = stored_content(stack), versions(stack), prediction(stack)
    source = stack.get("ec2-api", "/batches")
    stack.restart()
    assert stack.get("ec2-api", "/batches") == source
    assert (stored_content(stack), versions(stack), prediction(stack)) == before


@pytest.mark.parametrize("service", ["api", "ec2-api", "flows", "mlflow", "prefect", "ui"])
def test_the_standard_library_of_an_image_is_compiled(service: str, stack: Backend) -> None:
    code = "import os, urllib.request; print(os.path.exists(urllib.request.__cached__))"
    assert stack.exec(service, "python", "-c", code).strip() == "True"


def test_the_account_of_just_sql_is_read_only(stack: Backend) -> None:
    grants = " ".join(" ".join(row.values()) for row in stack.sql("SHOW GRANTS"))
    assert "SELECT" in grants
    assert not {"INSERT", "UPDATE", "DELETE", "CREATE", "ALL PRIVILEGES"} & set(grants.replace(",", " ").split())
