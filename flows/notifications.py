"""Prefect artifacts and automations: a day's table and links, detection of dead runs, the metric of failed runs."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from httpx import HTTPError
from prefect.artifacts import create_link_artifact, create_table_artifact
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import CallWebhook, ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.runtime import flow_run

from readmit.pipeline import Facts
from readmit.settings import load
from readmit.step_summary import lines, summarize

log = logging.getLogger(__name__)
ANY_RUN = ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"})
HEARTBEAT = "prefect.flow-run.heartbeat"
END_EVENTS = {f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Cancelled", "Crashed")}
HEARTBEAT_TIMEOUT = timedelta(seconds=90)
"""A run sends a heartbeat every 30 seconds (PREFECT_FLOWS_HEARTBEAT_FREQUENCY)."""
RECORD = "record failed runs"
FORMER_NAMES = ("a run that died is crashed", "a failed day is told", "alert on failed runs")
"""Names of automations in earlier releases. Prefect keeps an automation until it is deleted."""
RUN_FAILED = "readmit_run_failed_timestamp_seconds"
PAYLOAD = f"""\
# HELP {RUN_FAILED} When a run in Prefect last failed or crashed; absent before the first time.
# TYPE {RUN_FAILED} gauge
{RUN_FAILED} {{{{ event.occurred.timestamp() }}}}

"""
"""The metric in Prometheus's text format. Jinja removes one of the two line breaks at its end; one is required."""


def print_summary(step: str, facts: Facts) -> Facts:
    """Print what a step did, for its log on Prefect's page, and return the facts."""
    print(*lines(step, facts), sep="\n")
    return facts


def rename_run(name: str) -> None:
    """Rename the current flow run; if the Prefect server is unavailable, it keeps its old name."""
    try:
        with get_client(sync_client=True) as client:
            client.update_flow_run(UUID(str(flow_run.id)), name=name)
    except (HTTPError, PrefectException) as error:
        log.warning("the run could not be renamed to %r: %s", name, error)


@contextmanager
def artifacts() -> Iterator[list[tuple[str, Facts]]]:
    """Collect the results of steps, and at the end, also after an error, create a table of them and links."""
    results: list[tuple[str, Facts]] = []
    try:
        yield results
    finally:
        # An unavailable Prefect server must not change how the day ends.
        try:
            _create_artifacts(dict(results))
        except (HTTPError, PrefectException) as error:
            log.warning("artifacts could not be created: %s", error)


def _create_artifacts(results: dict[str, Facts]) -> None:
    if not results:
        return
    table = [{"step": step, "what it did": " | ".join(summarize(step, facts))} for step, facts in results.items()]
    create_table_artifact(table, key="day", description=f"# {results['check_source']['word']}")
    page = load().mlflow_page_url or load().mlflow_tracking_uri
    if registered := results.get("register"):
        run, version = registered["run"], registered["version"]
        create_link_artifact(f"{page}/#/runs/{run}", f"MLflow run {run}", key="mlflow-run")
        create_link_artifact(f"{page}/#/models/readmit/versions/{version}", f"version {version}", key="version")


def sync_automations() -> None:
    """Create or update the automations, which are identified by name, and delete those of earlier releases."""
    pushgateway = load().pushgateway_url
    _delete(FORMER_NAMES if pushgateway else (*FORMER_NAMES, RECORD))
    _create_or_update(
        AutomationCore(
            name="mark dead runs as crashed",
            description=f"A run that sends no heartbeat for {HEARTBEAT_TIMEOUT.seconds} s is marked as crashed.",
            trigger=EventTrigger(
                match=ANY_RUN,
                for_each={"prefect.resource.id"},
                after={HEARTBEAT},
                expect={HEARTBEAT, *END_EVENTS},
                posture=Posture.Proactive,
                threshold=1,
                within=HEARTBEAT_TIMEOUT,
            ),
            actions=[ChangeFlowRunState(state=StateType.CRASHED, message="the process died: it sent no heartbeat")],
        )
    )
    if pushgateway is not None:
        _create_or_update(_record(pushgateway))


def _record(pushgateway: str) -> AutomationCore:
    """Return the automation by which Prefect's server pushes the metric: a run that was killed pushes nothing."""
    address = f"{pushgateway.rstrip('/')}/metrics/job/flows/run/failed"
    # The Pushgateway has a private address.
    webhook = Webhook(url=address, headers={"Content-Type": "text/plain; version=0.0.4"}, allow_private_urls=True)
    block = webhook.save("pushgateway", overwrite=True)
    return AutomationCore(
        name=RECORD,
        description="The time at which a run last failed or crashed is pushed to the Pushgateway.",
        trigger=EventTrigger(
            match=ANY_RUN, expect={"prefect.flow-run.Failed", "prefect.flow-run.Crashed"}, posture=Posture.Reactive
        ),
        actions=[CallWebhook(block_document_id=block, payload=PAYLOAD)],
    )


def _delete(names: Iterable[str]) -> None:
    """Delete automations and the webhook blocks that they called."""
    with get_client(sync_client=True) as client:
        for automation in [item for name in names for item in client.read_automations_by_name(name)]:
            client.delete_automation(automation.id)
            for action in automation.actions:
                if isinstance(action, CallWebhook):
                    with suppress(ObjectNotFound):
                        client.delete_block_document(action.block_document_id)


def _create_or_update(automation: AutomationCore) -> None:
    """Create or update an automation, but leave an unchanged one alone: an update forgets the runs it waits for."""
    automation.tags = [sha256(Path(__file__).read_bytes() + str(load().pushgateway_url).encode()).hexdigest()]
    with get_client(sync_client=True) as client:
        existing = client.read_automations_by_name(automation.name)
        if not existing:
            client.create_automation(automation)
        elif existing[0].tags != automation.tags:
            client.update_automation(existing[0].id, automation)
