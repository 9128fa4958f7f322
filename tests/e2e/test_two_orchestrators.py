"""Prefect and Airflow give the same results: the same batches through both, on empty stores, with the same secrets."""

import json
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ec2_api.sample import write_sample
from readmit.containers import flow_runs, secrets
from readmit.pipeline import STEPS
from tests.e2e.containers import Stack, temporary_stack
from tests.e2e.dag_runs import Airflow
from tests.e2e.test_stack import stored_content
from tests.stack.promql import metrics_in
from tools.boards import overview

pytestmark = pytest.mark.airflow
BATCHES, BATCH_SIZE = 3, 5_000
DAY_SERVICES = ("ec2-api", "api", "flows")
"""The services that a day needs, without their dependencies."""
MODEL_STEPS = ("train", "register", "promote")
NEXT = "next_batch"
"""The task that starts the next run."""
RUN_SPECIFIC_FACTS = {"run", "fit_seconds"}
"""Facts that differ with every fit: the id of the run, and its duration."""


@dataclass(frozen=True, slots=True)
class Results:
    """The results of a stack's days: `content` of tables and objects, `facts` of MODEL_STEPS, model `signatures`."""

    content: list[str]
    facts: list[dict[str, Any]]
    signatures: list[object]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sample = tmp_path_factory.mktemp("data") / "sample.csv"
    write_sample(sample, rows=BATCHES * BATCH_SIZE)
    return sample


@pytest.fixture(scope="module")
def secrets_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Create the secrets of both stacks; with the same secret encounters get the same keys."""
    folder = tmp_path_factory.mktemp("airflow") / "secrets"
    secrets.create_missing(folder, {})
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def prefect_results(data: Path, secrets_folder: Path) -> Results:
    size = {"READMIT_SOURCE_BATCH_SIZE": str(BATCH_SIZE)}
    with temporary_stack("readmit-e2e-prefect", data, secrets_folder, only=DAY_SERVICES, **size) as stack:
        for batch in (1, 2):
            assert stack.run_day(batch=batch).state == "COMPLETED"
        return results_of(stack)


@pytest.fixture(scope="module")
def stack(prefect_results: Results, data: Path, secrets_folder: Path) -> Iterator[Stack]:  # noqa: ARG001 - that stack is gone by now
    size = {"READMIT_SOURCE_BATCH_SIZE": str(BATCH_SIZE)}
    with temporary_stack("readmit-e2e-airflow", data, secrets_folder, only=(*DAY_SERVICES, "airflow"), **size) as up:
        yield up


@pytest.fixture(scope="module")
def airflow(stack: Stack, secrets_folder: Path) -> Airflow:
    return Airflow(stack, (secrets_folder / "airflow_password").read_text())


def results_of(stack: Stack) -> Results:
    names = ", ".join(f"'{step}'" for step in MODEL_STEPS)
    condition = f"step IN ({names}) AND state = 'done' ORDER BY number"
    rows = stack.sql(f"SELECT facts FROM raw_data_db.step_runs WHERE {condition}")
    facts = [
        {
            name: value
            for name, value in json.loads(row["facts"]).items()
            if name.rpartition(".")[2] not in RUN_SPECIFIC_FACTS
        }
        for row in rows
    ]
    versions = stack.get("mlflow", "/api/2.0/mlflow/model-versions/search", filter="name='readmit'")["model_versions"]
    runs = [stack.get("mlflow", "/api/2.0/mlflow/runs/get", run_id=version["run_id"])["run"] for version in versions]
    models = [run["outputs"]["model_outputs"][0]["model_id"] for run in runs]
    signatures = [signature_of(stack, model) for model in sorted(models, key=models.index)]
    return Results(stored_content(stack), facts, sorted(signatures, key=str))


def signature_of(stack: Stack, model: str) -> object:
    """Return the signature of a model: its inputs and outputs, as in MLflow."""
    code = f"""
import mlflow
print(mlflow.models.get_model_info("models:/{model}").signature.to_dict())
"""
    return stack.output_in_flows(code)


DAG = """
import json, runpy
dag = runpy.run_path("/app/dags/daily.py")["dag"]
rows = {
    task.task_id: [sorted(task.upstream_task_ids), task.retries, task.retry_delay.total_seconds(),
                   task.execution_timeout and task.execution_timeout.total_seconds(), task.doc_md]
    for task in dag.tasks
}
print(json.dumps([rows, dag.dag_id, dag.schedule, dag.max_active_runs, dag.catchup, sorted(dag.params),
                  sorted(dag.tags), dag.description]))
"""


def test_the_dag_has_the_steps_of_the_pipeline_with_their_dependencies(stack: Stack) -> None:
    output = stack.project.output("exec", "-T", "airflow", "python", "-c", DAG)
    rows, *plan = json.loads(output.splitlines()[-1])
    assert rows.pop(NEXT)[0] == [STEPS[-1].name]
    # The stack under test retries without a delay.
    assert rows == {
        step.name: [sorted(step.needs), step.retries, 0.0, step.timeout_seconds, step.describe(0.0)] for step in STEPS
    }
    assert all(step.original_task in rows[step.name][-1] for step in STEPS)
    assert plan[:5] == ["mlops_diabetes_pipeline", None, 1, False, ["batch", "max_batches", "train"]]
    assert plan[5:] == [["daily", "readmit"], "From the data API to a served model, one batch a day"]


def test_the_same_batches_give_the_same_results_under_both_orchestrators(
    prefect_results: Results, stack: Stack, airflow: Airflow
) -> None:
    # A run takes one batch and starts the next one.
    first = airflow.wait_for_end(airflow.start(max_batches=2))
    (second,) = set(airflow.runs()) - {first.id}
    for run, next_batch in ((first, "success"), (airflow.wait_for_end(second), "skipped")):
        assert run.tasks == {step.name: "success" for step in STEPS} | {NEXT: next_batch}
        assert run.state == "success"
    assert len(airflow.runs()) == 2
    results = results_of(stack)
    assert results.content == prefect_results.content
    assert results.signatures == prefect_results.signatures
    assert len(results.facts) == 2 * len(MODEL_STEPS)
    for facts, expected in zip(results.facts, prefect_results.facts, strict=True):
        assert facts == pytest.approx(expected, abs=1e-9)


def test_airflow_exports_the_tasks_that_succeeded(stack: Stack, airflow: Airflow) -> None:
    assert airflow.wait_for_end(airflow.start(batch=1, train=False)).state == "success"
    code = "import urllib.request as r; print(r.urlopen('http://airflow:9464/metrics').read().decode())"
    # Sent at the end of a task at the latest, and by the scheduler every minute.
    deadline = time.monotonic() + 90
    while "airflow_scheduler_heartbeat_total" not in (text := stack.output_in_flows(code)):
        assert time.monotonic() < deadline, text
        time.sleep(5)
    counts = dict(re.findall(r'^airflow_ti_successes_total\{.*task_id="(\w+)"\} (\d+)$', text, re.MULTILINE))
    assert all(int(counts[step.name]) >= 1 for step in STEPS if step.group == "ingestion")
    (panel,) = [panel for row in overview.BOARD.rows for panel in row.panels if panel.title == "Tasks of Airflow"]
    named = {name for query in panel.queries for name in metrics_in(query.expr)}
    assert named == {"airflow_ti_successes_total", "airflow_ti_failures_total"}


def test_of_two_simultaneous_runs_one_does_the_batch_and_the_other_finds_it_done(
    stack: Stack, airflow: Airflow
) -> None:
    prefect = stack.prefect
    dag_run, flow_run = airflow.start(batch=3), flow_runs.start(prefect, {"batch": 3})
    run = airflow.wait_for_end(dag_run)
    while (flow_run := flow_runs.refresh(prefect, flow_run)).state not in flow_runs.TERMINAL_STATES:
        pass
    assert (run.state, flow_run.state) == ("success", "COMPLETED")
    done = stack.sql(
        "SELECT step, COUNT(*) AS n FROM raw_data_db.step_runs WHERE batch = 3 AND step <> 'check_source' GROUP BY step"
    )
    assert {row["step"]: row["n"] for row in done} == {step.name: "1" for step in STEPS[1:]}
    (counts,) = stack.sql(
        "SELECT COUNT(*) AS n, COUNT(DISTINCT encounter_id) AS d FROM raw_data_db.encounters WHERE batch = 3"
    )
    assert counts == {"n": str(BATCH_SIZE), "d": str(BATCH_SIZE)}


def test_airflow_does_not_retry_a_final_error(stack: Stack, airflow: Airflow) -> None:
    run = airflow.wait_for_end(airflow.start(batch=99))
    assert (run.state, run.tasks["check_source"]) == ("failed", "failed")
    assert "there is no batch 99" in airflow.log(run.id, "check_source", 1)
    # As in the runbook.
    command = f"cat /opt/airflow/logs/*/run_id={run.id}/task_id=check_source/*"
    assert "readmit.steps" in stack.project.output("exec", "-T", "airflow", "sh", "-c", command)
    (attempts,) = stack.sql(f"SELECT COUNT(*) AS n FROM raw_data_db.step_runs WHERE run_id = '{run.id}'")
    assert attempts == {"n": "1"}


def test_a_step_that_fails_on_every_attempt_shows_its_message_in_both_and_ends_the_day(
    stack: Stack, airflow: Airflow
) -> None:
    stack.project.output("stop", "ec2-api")
    address = "http://ec2-api:5001"
    dag_run, flow_run = airflow.start(batch=1), stack.run_day(batch=1)
    assert flow_run.state == "FAILED"
    assert "SourceUnavailable" in flow_run.message
    assert address in flow_run.message
    run = airflow.wait_for_end(dag_run)
    assert run.state == "failed"
    skipped = dict.fromkeys([*(step.name for step in STEPS), NEXT], "upstream_failed")
    assert run.tasks == skipped | {"check_source": "failed"}
    for attempt in range(1, 2 + STEPS[0].retries):
        assert address in airflow.log(dag_run, "check_source", attempt)
    failures = stack.sql(
        "SELECT run_id, COUNT(*) AS n FROM raw_data_db.step_runs WHERE state = 'failed' GROUP BY run_id"
    )
    assert [row["n"] for row in failures].count(str(1 + STEPS[0].retries)) == 2
