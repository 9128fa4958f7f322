"""The day, and its training alone, as Prefect flows: a loop over the table. They own no logic."""

from prefect import Task, flow, task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from flows import notifications
from readmit.pipeline import STEPS, Facts, RunRequest, Step, attempt, day, is_retryable
from readmit.settings import load


def as_task(step: Step) -> Task[[RunRequest], Facts]:
    """A row of the table as a Prefect task; its group is its tag."""
    delay = load().retry_delay(step.retry_delay_seconds)

    @task(
        name=step.name,
        description=step.in_words(delay),
        tags=[step.group],
        retries=step.retries,
        retry_delay_seconds=delay,
        retry_condition_fn=lambda _task, _run, state: is_retryable(state.data),
        timeout_seconds=step.timeout_seconds,
        cache_policy=NO_CACHE,
        log_prints=True,
    )
    def carry_out(ticket: RunRequest) -> Facts:
        return notifications.said(step.name, attempt(step.name, ticket))

    return carry_out


TASKS = {step.name: as_task(step) for step in STEPS}


@flow(name="daily")
def daily(batch: int | None = None, train: bool = True) -> bool:
    """One batch, the next one if none is named, through the eleven steps. False: there was nothing to do."""
    return _carried_out(RunRequest(str(flow_run.id), batch, train))


@flow(name="train")
def train(batch: int | None = None) -> bool:
    """The training group alone, on the latest snapshot if no batch is named."""
    return _carried_out(RunRequest(str(flow_run.id), batch, ingest=False))


def _carried_out(ticket: RunRequest) -> bool:
    with notifications.artifacts() as told:
        told += day(ticket, lambda step, held: TASKS[step.name](held))
    return len(told) > 1
