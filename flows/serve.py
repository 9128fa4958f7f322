"""`python -m flows.serve`: serve the deployments, and execute their runs in this container until SIGTERM."""

from prefect import serve
from prefect.settings import PREFECT_RUNNER_SERVER_PORT

from flows import notifications
from flows.deployments import deployments
from flows.health_server import PORT, RunnerHealthServer

if __name__ == "__main__":
    notifications.sync_automations()
    RunnerHealthServer(("", PORT), PREFECT_RUNNER_SERVER_PORT.value()).start()
    # One run at a time, as batches follow each other. The webserver's /health shows whether Prefect is still polled.
    serve(
        *deployments(),
        limit=1,
        webserver=True,
        # Otherwise the shutdown would pause schedules that no person has paused.
        pause_on_shutdown=False,
    )
