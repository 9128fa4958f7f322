"""What Prefect shows and tells besides its runs: a day's table and links, a run that died, a day that failed."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

from httpx import HTTPError
from prefect.artifacts import create_link_artifact, create_table_artifact
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import CallWebhook, ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import PrefectException

from readmit.pipeline import Facts
from readmit.settings import load
from readmit.step_summary import lines
from readmit.step_summary import told as in_words

log = logging.getLogger(__name__)
A_RUN = ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"})
BEAT = "prefect.flow-run.heartbeat"
ENDED = {f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Cancelled", "Crashed")}
SILENT_FOR = timedelta(seconds=90)
"""A run beats every 30 seconds (PREFECT_FLOWS_HEARTBEAT_FREQUENCY)."""
ALERT = """
[{
  "labels": {"alertname": "DayFailed", "flow": {{ flow.name | tojson }}, "run": {{ flow_run.name | tojson }}},
  "annotations": {"summary": {{ (flow_run.state.name ~ ": " ~ flow_run.state.message) | tojson }}},
  "generatorURL": {{ flow_run | ui_url | tojson }}
}]
"""


def said(step: str, facts: Facts) -> Facts:
    """Prints what a step did, which its log on Prefect's page takes down."""
    print(*lines(step, facts), sep="\n")
    return facts


@contextmanager
def artifacts() -> Iterator[list[tuple[str, Facts]]]:
    """Leaves a table of the steps that were carried out, also where one failed; and links to what they made."""
    told: list[tuple[str, Facts]] = []
    try:
        yield told
    finally:
        # A day is what it is, and ends for its own reason, whether or not Prefect's server takes this down.
        try:
            _leave(dict(told))
        except (HTTPError, PrefectException) as error:
            log.warning("no artifacts are left: %s", error)


def _leave(told: dict[str, Facts]) -> None:
    if not told:
        return
    table = [{"step": step, "what it did": " | ".join(in_words(step, facts))} for step, facts in told.items()]
    create_table_artifact(table, key="day", description=f"# {told['check_source']['word']}")
    page = load().mlflow_page_url or load().mlflow_tracking_uri
    if registered := told.get("register"):
        run, version = registered["run"], registered["version"]
        create_link_artifact(f"{page}/#/runs/{run}", f"MLflow run {run}", key="mlflow-run")
        create_link_artifact(f"{page}/#/models/readmit/versions/{version}", f"version {version}", key="version")


def keep_automations() -> None:
    """Makes them, or brings them up to date: they are known by their names."""
    _keep(
        AutomationCore(
            name="a run that died is crashed",
            description=f"A run without a sign of life for {SILENT_FOR.seconds} s is dead: its process was killed.",
            trigger=EventTrigger(
                match=A_RUN,
                for_each={"prefect.resource.id"},
                after={BEAT},
                expect={BEAT, *ENDED},
                posture=Posture.Proactive,
                threshold=1,
                within=SILENT_FOR,
            ),
            actions=[ChangeFlowRunState(state=StateType.CRASHED, message="its process died: it gave no sign of life")],
        )
    )
    if (address := load().alertmanager_url) is not None:
        _keep(_alert(address))


def _alert(alertmanager: str) -> AutomationCore:
    hook = Webhook(url=f"{alertmanager}/api/v2/alerts", headers={"Content-Type": "application/json"})
    block = hook.save("alertmanager", overwrite=True)
    return AutomationCore(
        name="a failed day is told",
        description="Alertmanager hears of each run that failed or crashed.",
        trigger=EventTrigger(
            match=A_RUN, expect={"prefect.flow-run.Failed", "prefect.flow-run.Crashed"}, posture=Posture.Reactive
        ),
        actions=[CallWebhook(block_document_id=block, payload=ALERT)],
    )


def _keep(automation: AutomationCore) -> None:
    """Touches none that is as this code makes it: an automation that is changed forgets which runs it waits for."""
    automation.tags = [sha256(Path(__file__).read_bytes() + str(load().alertmanager_url).encode()).hexdigest()]
    with get_client(sync_client=True) as client:
        there = client.read_automations_by_name(automation.name)
        if not there:
            client.create_automation(automation)
        elif there[0].tags != automation.tags:
            client.update_automation(there[0].id, automation)
