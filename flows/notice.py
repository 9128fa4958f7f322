"""What Prefect shows and tells besides its runs: a day's table and links, a run that died, a day that failed."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from prefect.artifacts import create_link_artifact, create_table_artifact
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import CallWebhook, ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

from readmit.pipeline import Facts
from readmit.settings import load
from readmit.telling import lines
from readmit.telling import told as in_words

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
        if told:
            _leave(dict(told))


def _leave(told: dict[str, Facts]) -> None:
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
            description="A run that has not beaten for 90 seconds is dead: its process was killed.",
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
    with get_client(sync_client=True) as client:
        if there := client.read_automations_by_name(automation.name):
            client.update_automation(there[0].id, automation)
        else:
            client.create_automation(automation)
