"""`python -m flows.serve`: offers the deployments `daily` and `train`, and carries out their runs until SIGTERM."""

from prefect import Flow, serve
from prefect.client.orchestration import get_client
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound
from prefect.schedules import Cron, Schedule

from flows import notifications
from flows.daily import daily, train
from readmit.pipeline import SCHEDULE, TIME_ZONE
from readmit.settings import load


def deployment(flow: Flow[..., bool], begins: Schedule | None = None) -> RunnerDeployment:
    """A flow as a deployment of its name, paused if it was paused before."""
    made = flow.to_deployment(flow.name, schedule=begins, paused=_is_paused(flow.name), description=flow.description)
    assert isinstance(made, RunnerDeployment)
    return made


def _is_paused(name: str) -> bool:
    """Whether a person has paused the deployment, or its schedule, on Prefect's page."""
    try:
        with get_client(sync_client=True) as client:
            there = client.read_deployment_by_name(f"{name}/{name}")
    except ObjectNotFound:
        return False
    return there.paused or not all(each.active for each in there.schedules)


if __name__ == "__main__":
    notifications.keep_automations()
    # One at a time: batches follow each other. The webserver's /health tells whether Prefect is still asked for work.
    serve(
        deployment(daily, Cron(load().schedule or SCHEDULE, timezone=TIME_ZONE)),
        deployment(train),
        limit=1,
        webserver=True,
        # What a person paused stays so after a restart, and nothing else is.
        pause_on_shutdown=False,
    )
