"""The day as a Prefect flow: a loop over the table. It owns no logic."""

from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run
from prefect.tasks import Task

from readmit.pipeline import STEPS, Facts, Step, Ticket, attempt, day, worth_another_try
from readmit.settings import load


def _another_try(_task: object, _run: object, state: Any) -> bool:
    return worth_another_try(state.data)


def as_task(step: Step) -> Task[[Ticket], Facts]:
    """A row of the table as a Prefect task."""

    @task(
        name=step.name,
        tags=[step.group],
        retries=step.retries,
        retry_delay_seconds=load().retry_delay(step.retry_delay_seconds),
        timeout_seconds=step.timeout_seconds,
        retry_condition_fn=_another_try,
        cache_policy=NO_CACHE,
    )
    def carry_out(ticket: Ticket) -> Facts:
        return attempt(step.name, ticket)

    return carry_out


TASKS = {step.name: as_task(step) for step in STEPS}


@flow(name="daily")
def daily(batch: int | None = None, train: bool = True) -> bool:
    """One batch, the next one if none is named, through the eleven steps. False: there was nothing to do."""
    ticket = Ticket(str(flow_run.id), batch, train)
    steps_done = [name for name, _ in day(ticket, lambda step, held: TASKS[step.name](held))]
    return len(steps_done) > 1


if __name__ == "__main__":
    while daily():
        pass
