"""The day, and its training alone, as Prefect flows: a loop over the step table, without logic of their own."""

from prefect import Task, flow, task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from flows import notifications
from readmit.pipeline import STEPS, Facts, RunRequest, Step, attempt, day
from readmit.retry import is_retryable
from readmit.settings import load


def as_task(step: Step) -> Task[[RunRequest], Facts]:
    """Return a step as a Prefect task, tagged with its group."""
    delay = load().retry_delay(step.retry_delay_seconds)

    @task(
        name=step.name,
        description=step.describe(delay),
        tags=[step.group],
        retries=step.retries,
        retry_delay_seconds=delay,
        retry_condition_fn=lambda _task, _run, state: is_retryable(state.data),
        timeout_seconds=step.timeout_seconds,
        cache_policy=NO_CACHE,
        log_prints=True,
    )
    def execute(request: RunRequest) -> Facts:
        return notifications.print_summary(step.name, attempt(step.name, request))

    return execute


TASKS = {step.name: as_task(step) for step in STEPS}


@flow(name="daily")
def daily(batch: int | None = None, train: bool = True) -> bool:
    """Run the eleven steps for a batch, by default the next one, and return whether there was work to do."""
    return _run_day(RunRequest(str(flow_run.id), batch, train))


@flow(name="train")
def train(batch: int | None = None) -> bool:
    """Run the training group alone, by default on the latest snapshot."""
    return _run_day(RunRequest(str(flow_run.id), batch, ingest=False))


def _run_day(request: RunRequest) -> bool:
    with notifications.artifacts() as results:
        for step, facts in day(request, lambda step, admitted: TASKS[step.name](admitted)):
            if not results and facts["batch"] is not None:
                notifications.rename_run(f"{flow_run.flow_name} batch {facts['batch']}")
            results.append((step, facts))
    return len(results) > 1
