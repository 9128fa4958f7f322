"""The same days on real servers: from the source, through MySQL, S3 and MLflow, to a served prediction, and again."""

import csv
import io
import json
from pathlib import Path

import httpx
import pytest

from readmit.containers.project import output
from readmit.core.encounter import COLUMNS
from readmit.pipeline import STEPS
from tests.e2e.containers import Stack

pytestmark = pytest.mark.e2e
EXAMPLE = json.loads((Path(__file__).parents[2] / "api/example.json").read_text())
TABLES = ("raw_data_db.encounters", "clean_data_db.encounters", "clean_data_db.splits", "raw_data_db.quarantine")
"""Each table of encounters that a step fills."""
OBJECTS = """
from hashlib import sha256
from readmit.io.object_store import Bucket
from readmit.settings import load

for name in ("raw", "clean", "datasets"):
    bucket = Bucket(name, *load().s3_login)
    for each in bucket.names():
        print(name, each, sha256(bucket.get(each)).hexdigest())
"""


COLUMNS_OF_TABLES = """
SELECT CONCAT(table_schema, '.', table_name) AS name, column_name AS cell FROM information_schema.columns
WHERE column_name <> 'created_at' ORDER BY table_schema, table_name, ordinal_position
"""


def content(stack: Stack) -> list[str]:
    """Each table's rows as their number and a sum over a hash of each, without the clock's; and the objects in S3."""
    cells = dict.fromkeys(TABLES, "''")
    for row in stack.sql(COLUMNS_OF_TABLES):
        if row["name"] in cells:
            cells[row["name"]] += f", IFNULL(`{row['cell']}`, '~')"
    told = stack.sql(
        " UNION ALL ".join(
            f"SELECT '{table}' AS name, COUNT(*) AS number, "
            f"SUM(CONV(LEFT(SHA2(CONCAT_WS('|', {cells[table]}), 256), 12), 16, 10)) AS hash FROM {table}"
            for table in TABLES
        )
    )
    # The report of a day tells how long it took.
    objects = [line for line in stack.output_in_flows(OBJECTS).splitlines() if " days/" not in line]
    return [*(" ".join(row.values()) for row in told), *objects]


def versions(stack: Stack) -> list[str]:
    found = stack.get("mlflow", "/api/2.0/mlflow/model-versions/search", filter="name='readmit'")
    return sorted(version["version"] for version in found["model_versions"])


def finished_runs(stack: Stack) -> int:
    (experiment,) = stack.get(
        "mlflow", "/api/2.0/mlflow/experiments/search", max_results="1", filter="name = 'readmit'"
    )["experiments"]
    body = {"experiment_ids": [experiment["experiment_id"]], "filter": "attributes.status = 'FINISHED'"}
    address = f"{stack.addresses['mlflow']}/api/2.0/mlflow/runs/search"
    return len(httpx.post(address, json=body, timeout=60.0, trust_env=False).raise_for_status().json()["runs"])


def predicted(stack: Stack) -> dict[str, object]:
    answer = httpx.post(f"{stack.addresses['api']}/predict", json=EXAMPLE, timeout=30.0, trust_env=False)
    told: dict[str, object] = answer.raise_for_status().json()
    return {name: value for name, value in told.items() if name != "request_id"}


def test_the_days_run_with_outgoing_traffic_cut(stack: Stack) -> None:
    names = [f"{stack.project.name}_{network}" for network in ("stores", "services", "published")]
    networks = json.loads(output(["docker", "network", "inspect", *names]))
    for each in networks:
        masquerades = each["Options"].get("com.docker.network.bridge.enable_ip_masquerade") != "false"
        assert each["Internal"] or not masquerades, f"{each['Name']} reaches the outside"


def test_before_the_first_day_the_api_is_up_and_says_that_it_has_no_model(stack: Stack) -> None:
    assert stack.get("api", "/health")["model_loaded"] is False


def test_a_day_asked_of_prefect_ends_in_a_served_model(stack: Stack) -> None:
    run = stack.day()
    assert run.state == "COMPLETED"
    steps = stack.sql("SELECT step, state FROM raw_data_db.step_runs WHERE batch = 1 ORDER BY number")
    assert [(row["step"], row["state"]) for row in steps] == [(step.name, "done") for step in STEPS]
    tasks = stack.ask_prefect("POST", "/task_runs/filter", flow_runs={"id": {"any_": [run.id]}}).json()
    assert {task["name"].rpartition("-")[0] for task in tasks} == {step.name for step in STEPS}
    assert stack.get("api", "/health")["model_version"] == "1"
    assert 0 < float(str(predicted(stack)["probability"])) < 1


def test_every_other_batch_comes_in_and_the_last_one_is_learnt_from(stack: Stack) -> None:
    batches = stack.get("ec2-api", "/health")["batches"]
    for _ in range(2, batches):
        assert stack.day(train=False).state == "COMPLETED"
    assert stack.day().state == "COMPLETED"
    done = stack.sql("SELECT batch FROM raw_data_db.batches WHERE done_at IS NOT NULL ORDER BY batch")
    assert [int(row["batch"]) for row in done] == list(range(1, batches + 1))
    assert stack.get("api", "/health")["model_version"] in versions(stack)


def test_raw_rows_are_those_of_the_source_exactly(stack: Stack) -> None:
    for batch in range(1, stack.get("ec2-api", "/health")["batches"] + 1):
        address = f"{stack.addresses['ec2-api']}/batches/{batch}"
        came = httpx.get(address, headers={"Accept": "text/csv"}, timeout=60.0, trust_env=False).raise_for_status().text
        names, *expected = csv.reader(io.StringIO(came))
        quoted = ", ".join(f"`{name}`" for name in COLUMNS)
        stored = stack.sql(f"SELECT {quoted} FROM raw_data_db.encounters WHERE batch = {batch} ORDER BY position")
        assert [name.replace("-", "_") for name in names] == list(COLUMNS)
        assert [list(row.values()) for row in stored] == expected


def test_every_encounter_is_there_once_and_the_counts_add_up(stack: Stack) -> None:
    rows = stack.get("ec2-api", "/health")["rows"]
    (raw,) = stack.sql("SELECT COUNT(*) AS n, COUNT(DISTINCT encounter_id) AS d FROM raw_data_db.diabetes_raw")
    assert raw == {"n": str(rows), "d": str(rows)}
    (told,) = stack.sql("SELECT SUM(clean) AS c, SUM(quarantined) AS q, SUM(excluded) AS e FROM raw_data_db.batches")
    assert sum(int(number) for number in told.values()) == rows
    split = {
        name: int(stack.sql(f"SELECT COUNT(*) AS n FROM clean_data_db.{name}_data")[0]["n"])
        for name in ("train", "validation", "test")
    }
    assert sum(split.values()) == int(told["c"])


def test_objects_hold_what_the_ledger_says_of_them(stack: Stack) -> None:
    found = [line.split() for line in stack.output_in_flows(OBJECTS).splitlines()]
    noted = stack.sql("SELECT raw_object, sha256, clean_object, snapshot_object FROM raw_data_db.batches")
    raw = {name: digest for bucket, name, digest in found if bucket == "raw"}
    assert raw == {row["raw_object"]: row["sha256"] for row in noted}
    names = {name for _, name, _ in found}
    assert names >= {row["clean_object"] for row in noted} | {row["snapshot_object"] for row in noted}


def test_mlflow_has_a_run_for_each_candidate_and_names_what_is_served(stack: Stack) -> None:
    # Two batches were learnt from: four candidates and a refit each.
    assert finished_runs(stack) == 10
    query = {"name": "readmit", "alias": "production"}
    production = stack.get("mlflow", "/api/2.0/mlflow/registered-models/alias", **query)["model_version"]["version"]
    assert stack.get("api", "/health")["model_version"] == production


def test_the_same_batch_again_changes_nothing(stack: Stack) -> None:
    before = content(stack), versions(stack), predicted(stack)
    last = stack.get("ec2-api", "/health")["batches"]
    assert stack.day(batch=1, train=False).state == "COMPLETED"
    assert stack.day(batch=last).state == "COMPLETED"
    assert (content(stack), versions(stack), predicted(stack)) == before


def test_with_nothing_new_a_day_ends_well_and_says_so(stack: Stack) -> None:
    assert stack.day().state == "COMPLETED"
    (last,) = stack.sql("SELECT step, facts FROM raw_data_db.step_runs ORDER BY number DESC LIMIT 1")
    assert last["step"] == "check_source"
    assert json.loads(last["facts"])["word"] == "nothing new"


def test_prometheus_sees_every_service_that_it_watches(stack: Stack) -> None:
    found = stack.get("prometheus", "/api/v1/targets")["data"]["activeTargets"]
    assert {target["labels"]["job"]: target["health"] for target in found if target["health"] != "up"} == {}
    (batches,) = stack.get("prometheus", "/api/v1/query", query="readmit_batches_done")["data"]["result"]
    assert int(batches["value"][1]) == stack.get("ec2-api", "/health")["batches"]


def test_after_a_stop_and_a_start_nothing_is_lost(stack: Stack) -> None:
    before = content(stack), versions(stack), predicted(stack)
    source = stack.get("ec2-api", "/batches")
    stack.project.output("stop")
    stack.up()
    assert stack.get("ec2-api", "/batches") == source
    assert (content(stack), versions(stack), predicted(stack)) == before


def test_who_asks_by_sql_may_read_and_nothing_else(stack: Stack) -> None:
    grants = " ".join(" ".join(row.values()) for row in stack.sql("SHOW GRANTS"))
    assert "SELECT" in grants
    assert not {"INSERT", "UPDATE", "DELETE", "CREATE", "ALL PRIVILEGES"} & set(grants.replace(",", " ").split())
