"""The day, and its training alone, as Prefect flows: loops over batches and the step table, without other logic."""

from typing import Annotated

from prefect import Task, flow, task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run
from pydantic import Field

from flows import notifications
from readmit.pipeline import STEPS, Facts, RunRequest, Step, attempt, day, has_next_batch
from readmit.retry import is_retryable
from readmit.settings import load

BatchLimit = Annotated[int | None, Field(ge=1)]


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
def daily(batch: int | None = None, train: bool = True, max_batches: BatchLimit = None) -> bool:
    """Run the eleven steps for a batch or, by default, for all that are released and not done, oldest first.

    `max_batches`: None: as the setting READMIT_DAY_MAX_BATCHES. Return whether there was work to do.
    """
    limit = load().day_max_batches if max_batches is None else max_batches
    request = RunRequest(str(flow_run.id), batch, train)
    days = [_run_day(request)]
    while has_next_batch(batch, None if limit is None else limit + 1 - len(days), days[-1]):
        days.append(_run_day(request, first=days[0]["batch"]))
    return bool(days[0]["go_on"])


@flow(name="train")
def train(batch: int | None = None) -> bool:
    """Run the training group alone, by default on the latest snapshot."""
    return bool(_run_day(RunRequest(str(flow_run.id), batch, ingest=False))["go_on"])


def _run_day(request: RunRequest, first: object = None) -> Facts:
    """Run a day and return the facts of its `check_source`. `first`: the first batch of the run, if not this one."""
    with notifications.artifacts() as results:
        for step, facts in day(request, lambda step, admitted: TASKS[step.name](admitted)):
            if not results and facts["batch"] is not None:
                batches = f"batch {facts['batch']}" if first is None else f"batches {first} to {facts['batch']}"
                notifications.rename_run(f"{flow_run.flow_name} {batches}")
            results.append((step, facts))
    return results[0][1]
