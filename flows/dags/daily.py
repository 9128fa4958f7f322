"""The day as an Airflow DAG: a task per row of the table. It owns no logic; steps run in the project's own Python."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from airflow.sdk import DAG, Param, RetryDecision, RetryPolicy, task

from readmit.pipeline import DAG as NAME
from readmit.pipeline import FINAL, SKIP_EXIT_CODE, STEPS, TIME_ZONE, Step
from readmit.settings import load

SETTINGS = load()
ASKED = {"batch": Param(None, type=["null", "integer"], minimum=1), "train": Param(True, type="boolean")}
GIVEN = ("{{ params.batch }}", "{{ params.train }}", "{{ ti.xcom_pull('check_source') }}")
PLAN = {"schedule": SETTINGS.airflow_schedule, "start_date": datetime(2026, 1, 1, tzinfo=ZoneInfo(TIME_ZONE))}


class UnlessFinal(RetryPolicy):
    """What would fail again in the same way is not tried again."""

    def evaluate(self, exception: BaseException, *_args: object, **_named: object) -> RetryDecision:
        return RetryDecision.fail(FINAL) if FINAL in str(exception) else RetryDecision.default()


def carry_out(step: str, batch: int | None, train: bool, door: dict[str, object] | None, run_id: str) -> object:
    """Another Python reads the source of this function, and nothing else of this file."""
    from readmit.pipeline import RunRequest, run_step_in_process

    return run_step_in_process(step, RunRequest(run_id, batch, train), door)


def options(step: Step) -> dict[str, object]:
    """A row of the table as Airflow says it."""
    delay, limit = SETTINGS.retry_delay(step.retry_delay_seconds), timedelta(seconds=step.timeout_seconds)
    tries = {"retries": step.retries, "retry_delay": timedelta(seconds=delay), "retry_policy": UnlessFinal()}
    return {"task_id": step.name, "doc_md": step.in_words(delay), "execution_timeout": limit, **tries}


with DAG(NAME, doc_md=__doc__, params=ASKED, catchup=False, max_active_runs=1, **PLAN) as dag:
    dag.render_template_as_native_obj = True
    inside = {"python": str(SETTINGS.pipeline_python), "expect_airflow": False, "skip_on_exit_code": SKIP_EXIT_CODE}
    for step in STEPS:
        # A step that the day leaves out says so by itself: what comes after looks for itself, too.
        made = task.external_python(**inside, **options(step), trigger_rule="none_failed")(carry_out)(step.name, *GIVEN)
        made.set_upstream([dag.get_task(need).output for need in step.needs])
