"""The deployments of the flows, under the flows' names: `daily`, with its schedule, and `train`."""

from collections.abc import Sequence

from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound
from prefect.schedules import Cron, Schedule
from prefect.types.entrypoint import EntrypointType

from flows.daily import daily, train
from readmit.pipeline import SCHEDULE, TIME_ZONE
from readmit.settings import load


def deployments() -> Sequence[RunnerDeployment]:
    """Return the deployments of all flows."""
    return [deployment(daily, Cron(load().schedule or SCHEDULE, timezone=TIME_ZONE)), deployment(train)]


def deployment(flow: Flow[..., bool], schedule: Schedule | None = None) -> RunnerDeployment:
    """Return a deployment of the flow, paused if it was paused before."""
    deployed = flow.to_deployment(
        flow.name,
        schedule=schedule,
        paused=_is_paused(flow.name),
        description=flow.description,
        # A Job of Kubernetes imports the flow; it has no file of the process that deployed it.
        entrypoint_type=EntrypointType.MODULE_PATH,
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
