"""`python -m flows.serve`: offers the deployments `daily` and `train`, and carries out their runs until SIGTERM."""

from prefect import Flow, serve
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron, Schedule

from flows import notice
from flows.daily import daily, train
from readmit.pipeline import SCHEDULE, TIME_ZONE
from readmit.settings import load


def _deployment(flow: Flow[..., bool], begins: Schedule | None = None) -> RunnerDeployment:
    made = flow.to_deployment(flow.name, schedule=begins, description=flow.description)
    assert isinstance(made, RunnerDeployment)
    return made


if __name__ == "__main__":
    notice.keep_automations()
    # One at a time: batches follow each other. The webserver's /health tells whether Prefect is still asked for work.
    serve(
        _deployment(daily, Cron(load().schedule or SCHEDULE, timezone=TIME_ZONE)),
        _deployment(train),
        limit=1,
        webserver=True,
        # Whoever paused the schedule finds it paused after a restart, and nobody else does.
        pause_on_shutdown=False,
    )
