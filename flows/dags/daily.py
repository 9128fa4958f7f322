"""The day as an Airflow DAG: a task per row of the step table, run in the project's own Python, and the next batch."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Param, RetryDecision, RetryPolicy, task
from airflow.sdk.exceptions import AirflowSkipException

from readmit.pipeline import DAG as NAME
from readmit.pipeline import SKIP_EXIT_CODE, STEPS, TIME_ZONE, Step, has_next_batch
from readmit.retry import FINAL
from readmit.settings import load

SETTINGS = load()
OPTIONAL_NUMBER = {"type": ["null", "integer"], "minimum": 1}
PARAMS = {
    "batch": Param(None, **OPTIONAL_NUMBER),
    "train": Param(True, type="boolean"),
    "max_batches": Param(SETTINGS.day_max_batches, **OPTIONAL_NUMBER),
}
TEMPLATED_ARGS = ("{{ params.batch }}", "{{ params.train }}", "{{ ti.xcom_pull('check_source') }}")
SCHEDULING = {"schedule": SETTINGS.airflow_schedule, "start_date": datetime(2026, 1, 1, tzinfo=ZoneInfo(TIME_ZONE))}


class UnlessFinal(RetryPolicy):
    """A retry policy that does not retry errors marked as final."""

    def evaluate(self, exception: BaseException, *_args: object, **_kwargs: object) -> RetryDecision:
        """Return the decision on an error, by its text."""
        return RetryDecision.fail(FINAL) if FINAL in str(exception) else RetryDecision.default()


class NextBatch(TriggerDagRunOperator):
    """Start the DAG again for the next batch that is released and not done; skipped when there is none."""

    def execute(self, context: dict[str, Any]) -> None:
        """Decide by the parameters of this run and the facts of its `check_source`."""
        params, admission = context["params"], context["ti"].xcom_pull(task_ids="check_source")
        if not has_next_batch(params["batch"], params["max_batches"], admission):
            raise AirflowSkipException("no other batch is due")
        limit = params["max_batches"]
        self.conf = {"train": params["train"], "max_batches": None if limit is None else limit - 1}
        super().execute(context)


def execute(step: str, batch: int | None, train: bool, admission: dict[str, object] | None, run_id: str) -> object:
    """Run a step. Another Python runs this function from its source alone, without the rest of this file."""
    from readmit.pipeline import RunRequest, run_step_in_process

    return run_step_in_process(step, RunRequest(run_id, batch, train), admission)


def task_options(step: Step) -> dict[str, object]:
    """Return the Airflow task options of a step."""
    delay, timeout = SETTINGS.retry_delay(step.retry_delay_seconds), timedelta(seconds=step.timeout_seconds)
    retries = {"retries": step.retries, "retry_delay": timedelta(seconds=delay), "retry_policy": UnlessFinal()}
    return {"task_id": step.name, "doc_md": step.describe(delay), "execution_timeout": timeout, **retries}


ABOUT = {"description": "From the data API to a served model, one batch a day", "tags": ["readmit", "daily"]}

with DAG(NAME, doc_md=__doc__, params=PARAMS, catchup=False, max_active_runs=1, **SCHEDULING, **ABOUT) as dag:
    dag.render_template_as_native_obj = True
    python = {"python": str(SETTINGS.pipeline_python), "expect_airflow": False, "skip_on_exit_code": SKIP_EXIT_CODE}
    for step in STEPS:
        # A skipped step does not skip those after it: each decides by itself whether it is due.
        external = task.external_python(**python, **task_options(step), trigger_rule="none_failed")
        external(execute)(step.name, *TEMPLATED_ARGS).set_upstream([dag.get_task(need).output for need in step.needs])
    # A static graph has no loop: a run takes one batch and starts the next run, as long as batches are due.
    NextBatch(task_id="next_batch", trigger_dag_id=NAME, trigger_rule="none_failed").set_upstream(
        dag.get_task(step.name)
    )
