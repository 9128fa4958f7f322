"""`python -m flows.serve`: serve the deployments `daily` and `train`, and execute their runs until SIGTERM."""

from prefect import Flow, serve
from prefect.client.orchestration import get_client
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound
from prefect.schedules import Cron, Schedule
from prefect.settings import PREFECT_RUNNER_SERVER_PORT

from flows import notifications
from flows.daily import daily, train
from flows.health_server import PORT, RunnerHealthServer
from readmit.pipeline import SCHEDULE, TIME_ZONE
from readmit.settings import load


def deployment(flow: Flow[..., bool], schedule: Schedule | None = None) -> RunnerDeployment:
    """Return a deployment of the flow, under the flow's name, paused if it was paused before."""
    deployed = flow.to_deployment(
        flow.name, schedule=schedule, paused=_is_paused(flow.name), description=flow.description
    )
    assert isinstance(deployed, RunnerDeployment)
    return deployed


def _is_paused(name: str) -> bool:
    """Return whether a person has paused the deployment, or its schedule, on Prefect's page."""
    try:
        with get_client(sync_client=True) as client:
            existing = client.read_deployment_by_name(f"{name}/{name}")
    except ObjectNotFound:
        return False
    return existing.paused or not all(schedule.active for schedule in existing.schedules)


if __name__ == "__main__":
    notifications.sync_automations()
    RunnerHealthServer(("", PORT), PREFECT_RUNNER_SERVER_PORT.value()).start()
    # One run at a time, as batches follow each other. The webserver's /health shows whether Prefect is still polled.
    serve(
        deployment(daily, Cron(load().schedule or SCHEDULE, timezone=TIME_ZONE)),
        deployment(train),
        limit=1,
        webserver=True,
        # Otherwise the shutdown would pause schedules that no person has paused.
        pause_on_shutdown=False,
    )
