"""Prefect and Airflow do the same: the same batches through both, each on empty stores under the same secrets."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ec2_api.sample import write_sample
from readmit.containers import flow_runs, secrets
from readmit.pipeline import STEPS
from tests.e2e.containers import Stack, stack_of_its_own
from tests.e2e.dag_runs import Airflow
from tests.e2e.test_stack import content

pytestmark = pytest.mark.airflow
BATCHES, BATCH_SIZE = 3, 5_000
EVERYBODY = ("ec2-api", "api", "flows")
"""With what they need, they are all that a day takes."""
MADE = ("train", "register", "promote")
CHANCE = {"run", "fit_seconds"}
"""What no two fits have in common: the number of a run, and how long it took."""


@dataclass(frozen=True, slots=True)
class Left:
    """What a stack holds after its days: `content` of tables and objects, `made` by steps that judge, `signatures`."""

    content: list[str]
    made: list[dict[str, Any]]
    signatures: list[object]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sample = tmp_path_factory.mktemp("data") / "sample.csv"
    write_sample(sample, rows=BATCHES * BATCH_SIZE)
    return sample


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The secrets of both stacks: under the same one encounters get the same keys."""
    folder = tmp_path_factory.mktemp("airflow") / "secrets"
    secrets.make(folder, {})
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def left_by_prefect(data: Path, kept: Path) -> Left:
    size = {"READMIT_SOURCE_BATCH_SIZE": str(BATCH_SIZE)}
    with stack_of_its_own("readmit-e2e-prefect", data, kept, only=EVERYBODY, **size) as stack:
        for batch in (1, 2):
            assert stack.day(batch=batch).state == "COMPLETED"
        return left_on(stack)


@pytest.fixture(scope="module")
def stack(left_by_prefect: Left, data: Path, kept: Path) -> Iterator[Stack]:  # noqa: ARG001 - that stack is gone by now
    size = {"READMIT_SOURCE_BATCH_SIZE": str(BATCH_SIZE)}
    with stack_of_its_own("readmit-e2e-airflow", data, kept, only=(*EVERYBODY, "airflow"), **size) as up:
        yield up


@pytest.fixture(scope="module")
def airflow(stack: Stack, kept: Path) -> Airflow:
    return Airflow(stack, (kept / "airflow_password").read_text())


def left_on(stack: Stack) -> Left:
    wanted = ", ".join(f"'{step}'" for step in MADE)
    of_those = f"step IN ({wanted}) AND state = 'done' ORDER BY number"
    rows = stack.sql(f"SELECT facts FROM raw_data_db.step_runs WHERE {of_those}")
    made = [
        {name: value for name, value in json.loads(row["facts"]).items() if name.rpartition(".")[2] not in CHANCE}
        for row in rows
    ]
    versions = stack.get("mlflow", "/api/2.0/mlflow/model-versions/search", filter="name='readmit'")["model_versions"]
    runs = [stack.get("mlflow", "/api/2.0/mlflow/runs/get", run_id=each["run_id"])["run"] for each in versions]
    models = [run["outputs"]["model_outputs"][0]["model_id"] for run in runs]
    signatures = [signature_of(stack, model) for model in sorted(models, key=models.index)]
    return Left(content(stack), made, sorted(signatures, key=str))


def signature_of(stack: Stack, model: str) -> object:
    """What goes into a model and what comes out, as MLflow has it."""
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
                   task.execution_timeout.total_seconds(), task.doc_md]
    for task in dag.tasks
}
print(json.dumps([rows, dag.dag_id, dag.schedule, dag.max_active_runs, dag.catchup, sorted(dag.params)]))
"""


def test_the_dags_tasks_and_edges_are_the_tables(stack: Stack) -> None:
    said = stack.project.output("exec", "-T", "airflow", "python", "-c", DAG)
    rows, *plan = json.loads(said.splitlines()[-1])
    # The stack under test makes no pause before another try.
    assert rows == {
        step.name: [sorted(step.needs), step.retries, 0.0, step.timeout_seconds, step.in_words(0.0)] for step in STEPS
    }
    assert all(step.original_task in rows[step.name][-1] for step in STEPS)
    assert plan == ["mlops_diabetes_pipeline", None, 1, False, ["batch", "train"]]


def test_the_same_batches_leave_the_same_whoever_orchestrates(
    left_by_prefect: Left, stack: Stack, airflow: Airflow
) -> None:
    for batch in (1, 2):
        run = airflow.ended(airflow.start(batch=batch))
        assert run.tasks == {step.name: "success" for step in STEPS}
        assert run.state == "success"
    left = left_on(stack)
    assert left.content == left_by_prefect.content
    assert left.signatures == left_by_prefect.signatures
    assert len(left.made) == 2 * len(MADE)
    for one, other in zip(left.made, left_by_prefect.made, strict=True):
        assert one == pytest.approx(other, abs=1e-9)


def test_of_both_at_once_one_does_the_batch_and_the_other_finds_it_done(stack: Stack, airflow: Airflow) -> None:
    prefect = stack.prefect
    dag_run, flow_run = airflow.start(batch=3), flow_runs.start(prefect, {"batch": 3})
    run = airflow.ended(dag_run)
    while (flow_run := flow_runs.look(prefect, flow_run)).state not in flow_runs.ENDED:
        pass
    assert (run.state, flow_run.state) == ("success", "COMPLETED")
    done = stack.sql(
        "SELECT step, COUNT(*) AS n FROM raw_data_db.step_runs WHERE batch = 3 AND step <> 'check_source' GROUP BY step"
    )
    assert {row["step"]: row["n"] for row in done} == {step.name: "1" for step in STEPS[1:]}
    (told,) = stack.sql(
        "SELECT COUNT(*) AS n, COUNT(DISTINCT encounter_id) AS d FROM raw_data_db.encounters WHERE batch = 3"
    )
    assert told == {"n": str(BATCH_SIZE), "d": str(BATCH_SIZE)}


def test_airflow_does_not_try_again_what_would_fail_in_the_same_way(stack: Stack, airflow: Airflow) -> None:
    run = airflow.ended(airflow.start(batch=99))
    assert (run.state, run.tasks["check_source"]) == ("failed", "failed")
    assert "there is no batch 99" in airflow.log(run.id, "check_source", 1)
    (tried,) = stack.sql(f"SELECT COUNT(*) AS n FROM raw_data_db.step_runs WHERE run_id = '{run.id}'")
    assert tried == {"n": "1"}


def test_a_step_that_fails_as_often_as_it_is_tried_shows_its_own_message_in_both_and_ends_the_day(
    stack: Stack, airflow: Airflow
) -> None:
    stack.project.output("stop", "ec2-api")
    word = "http://ec2-api:5001"
    dag_run, flow_run = airflow.start(batch=1), stack.day(batch=1)
    assert flow_run.state == "FAILED"
    assert "SourceAway" in flow_run.why
    assert word in flow_run.why
    run = airflow.ended(dag_run)
    assert run.state == "failed"
    assert run.tasks == {step.name: "upstream_failed" for step in STEPS} | {"check_source": "failed"}
    for attempt in range(1, 2 + STEPS[0].retries):
        assert word in airflow.log(dag_run, "check_source", attempt)
    tried = stack.sql("SELECT run_id, COUNT(*) AS n FROM raw_data_db.step_runs WHERE state = 'failed' GROUP BY run_id")
    assert [row["n"] for row in tried].count(str(1 + STEPS[0].retries)) == 2
