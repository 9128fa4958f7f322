"""The day under a real Prefect, with fake steps."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import get_client
from prefect.client.schemas.sorting import ArtifactSort, FlowRunSort
from prefect.events.actions import CallWebhook
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ParameterTypeError, PrefectException
from prefect.schedules import Cron
from prefect.settings import PREFECT_HOME, PREFECT_SERVER_ANALYTICS_ENABLED, temporary_settings
from prefect.testing.utilities import prefect_test_harness

from flows import daily, deployments, notifications
from readmit.core.errors import MissingBatches, SourceUnavailable
from readmit.core.pushed_metrics import JOB, RUN_FAILED, RUN_FAILED_LABELS
from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate
from readmit.pipeline import BY_NAME, SCHEDULE, STEPS, TIME_ZONE, Facts, RunRequest
from tests.pushgateway_recorder import recording_pushgateway
from tests.step_facts import ADMISSION, facts_of

RunFlow = Callable[..., list[tuple[str, RunRequest]]]


@pytest.fixture(scope="module")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Run a Prefect server without analytics, with a home folder of its own."""
    settings = {PREFECT_HOME: tmp_path_factory.mktemp("prefect"), PREFECT_SERVER_ANALYTICS_ENABLED: False}
    with temporary_settings(settings), prefect_test_harness(server_startup_timeout=120):
        yield


@pytest.fixture
def run_flow(
    prefect: None,  # noqa: ARG001 - the server has to run
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> RunFlow:
    """Return a function that runs a day without delays in which one step may fail, and returns its attempts."""
    address = f"sqlite:///{tmp_path / 'db'}"
    monkeypatch.setenv("READMIT_DATABASE_URL", address)
    monkeypatch.setenv("READMIT_RETRY_DELAY_SECONDS", "0")
    connect(address)
    migrate()
    monkeypatch.setattr(daily, "TASKS", {step.name: daily.as_task(step) for step in STEPS})

    def run(
        failing: str = "",
        error: Exception | None = None,
        flow: Callable[..., bool] = daily.daily,
        **parameters: object,
    ) -> list[tuple[str, RunRequest]]:
        attempts: list[tuple[str, RunRequest]] = []

        def attempt(name: str, request: RunRequest) -> Facts:
            attempts.append((name, request))
            if name == failing and error is not None:
                raise error
            return facts_of(name) | ({} if request.ingest else {"training_alone": True})

        monkeypatch.setattr(daily, "attempt", attempt)
        if error is None:
            assert flow(**parameters) is True
        else:
            with pytest.raises(type(error)):
                flow(**parameters)
        return attempts

    return run


def newest_run_name() -> str:
    """Return the name of the flow run that was started last."""
    with get_client(sync_client=True) as client:
        return client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=1)[0].name


def newest_artifacts() -> dict[str, str]:
    """Return the newest artifact of each key."""
    with get_client(sync_client=True) as client:
        artifacts = client.read_artifacts(sort=ArtifactSort.CREATED_DESC)
    return {str(artifact.key): str(artifact.data) for artifact in reversed(artifacts)}


def test_every_step_is_a_task_with_the_tables_name_group_timeout_and_retries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("READMIT_RETRY_DELAY_SECONDS", raising=False)
    assert list(daily.TASKS) == [step.name for step in STEPS]
    for step, task in zip(STEPS, map(daily.as_task, STEPS), strict=True):
        options = (task.name, task.tags, task.timeout_seconds, task.retries, task.retry_delay_seconds)
        assert options == (step.name, {step.group}, step.timeout_seconds, step.retries, step.retry_delay_seconds)


def test_the_setting_overrides_the_retry_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READMIT_RETRY_DELAY_SECONDS", "1.5")
    assert daily.as_task(BY_NAME["fetch"]).retry_delay_seconds == 1.5


def test_the_day_is_the_tables_steps_in_order_on_the_admitted_batch(
    run_flow: RunFlow,
) -> None:
    attempts = run_flow()
    assert [name for name, _ in attempts] == [step.name for step in STEPS]
    assert [request.batch for _, request in attempts] == [None, *[4] * (len(STEPS) - 1)]
    assert len({request.run_id for _, request in attempts}) == 1


def test_without_training_the_day_ends_after_ingestion(run_flow: RunFlow) -> None:
    attempts = run_flow(batch=4, train=False)
    assert [name for name, _ in attempts] == [step.name for step in STEPS if step.group == "ingestion"]
    assert {(request.batch, request.train) for _, request in attempts} == {(4, False)}


@pytest.fixture
def week(run_flow: RunFlow, monkeypatch: pytest.MonkeyPatch) -> list[int]:  # noqa: ARG001 - the databases and the tasks
    """Let the source have seven batches that are not done; return those whose last step has run."""
    done: list[int] = []

    def attempt(name: str, request: RunRequest) -> Facts:
        if name == "check_source":
            pending = [batch for batch in range(1, 8) if batch not in done]
            batch = request.batch or (pending[0] if pending else None)
            remaining = 0 if request.batch else max(0, len(pending) - 1)
            return ADMISSION | {"go_on": batch is not None, "batch": batch, "remaining": remaining}
        assert request.batch is not None
        if name == "signal":
            done.append(request.batch)
        return facts_of(name)

    monkeypatch.setattr(daily, "attempt", attempt)
    return done


def test_the_run_after_an_outage_of_a_week_takes_every_batch_oldest_first(week: list[int]) -> None:
    assert daily.daily() is True
    assert week == [1, 2, 3, 4, 5, 6, 7]
    assert newest_run_name() == "daily batches 1 to 7"
    assert daily.daily() is False


def test_a_setting_or_a_parameter_bounds_the_batches_of_a_run(week: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READMIT_DAY_MAX_BATCHES", "2")
    daily.daily()
    assert week == [1, 2]
    daily.daily(max_batches=1)
    assert week == [1, 2, 3]
    with pytest.raises(ParameterTypeError, match="max_batches"):
        daily.daily(max_batches=0)
    assert week == [1, 2, 3]


def test_a_run_that_was_given_a_batch_does_that_one_alone(week: list[int]) -> None:
    daily.daily(batch=5)
    assert week == [5]


def test_training_alone_is_a_flow_of_its_own(run_flow: RunFlow) -> None:
    attempts = run_flow(flow=daily.train, batch=4)
    assert {(request.batch, request.ingest) for _, request in attempts} == {(4, False)}
    assert [name for name, _ in attempts] == [
        "check_source",
        *(step.name for step in STEPS if step.group == "training"),
    ]


def test_a_day_creates_a_table_of_its_steps_and_links_to_run_and_version(
    run_flow: RunFlow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("READMIT_MLFLOW_PAGE_URL", "http://mlflow.example")
    run_flow()
    artifacts = newest_artifacts()
    assert [row["step"] for row in json.loads(artifacts["day"])] == [step.name for step in STEPS]
    assert "http://mlflow.example/#/runs/4f2a" in artifacts["mlflow-run"]
    assert "http://mlflow.example/#/models/readmit/versions/7" in artifacts["version"]


def test_a_run_is_named_after_its_flow_and_its_batch(run_flow: RunFlow) -> None:
    run_flow()
    assert newest_run_name() == "daily batch 4"
    run_flow(flow=daily.train, batch=4)
    assert newest_run_name() == "train batch 4"


def test_a_failed_day_creates_a_table_of_the_steps_before(run_flow: RunFlow) -> None:
    run_flow("clean", MissingBatches("batch 3 is missing"))
    assert [row["step"] for row in json.loads(newest_artifacts()["day"])] == ["check_source", "fetch", "store_raw"]


def test_a_day_ends_for_its_own_reason_also_where_no_artifact_can_be_created(
    run_flow: RunFlow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PrefectException("the server is busy")

    monkeypatch.setattr(notifications, "create_table_artifact", fail)
    assert len(run_flow()) == len(STEPS)
    run_flow("clean", MissingBatches("batch 3 is missing"))


def automations() -> dict[str, tuple[object, ...]]:
    with get_client(sync_client=True) as client:
        return {item.name: (item.id, item.trigger, item.tags) for item in client.read_automations()}


@pytest.mark.usefixtures("prefect")
def test_automations_are_created_once_and_updated_only_when_they_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READMIT_PUSHGATEWAY_URL", "http://pushgateway.example:9091")
    notifications.sync_automations()
    before = automations()
    assert before.keys() == {"record failed runs", "mark dead runs as crashed"}
    notifications.sync_automations()
    assert automations() == before
    monkeypatch.setenv("READMIT_PUSHGATEWAY_URL", "http://another.example:9091")
    notifications.sync_automations()
    after = automations()
    assert {name: item[0] for name, item in after.items()} == {name: item[0] for name, item in before.items()}
    assert all(after[name] != before[name] for name in before)


@pytest.mark.usefixtures("prefect")
def test_an_automation_of_an_earlier_release_is_deleted_with_its_webhook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("READMIT_PUSHGATEWAY_URL", raising=False)
    notifications.sync_automations()
    former = {"a run that died is crashed", "alert on failed runs"}
    block = Webhook(url="http://alertmanager.example:9093/api/v2/alerts").save("alertmanager", overwrite=True)
    with get_client(sync_client=True) as client:
        trigger = client.read_automations_by_name("mark dead runs as crashed")[0].trigger
        for name in former:
            client.create_automation(
                AutomationCore(name=name, trigger=trigger, actions=[CallWebhook(block_document_id=block)])
            )
    assert automations().keys() >= former
    notifications.sync_automations()
    assert automations().keys().isdisjoint(former)
    with pytest.raises(ValueError, match="alertmanager"):
        Webhook.load("alertmanager")


@pytest.mark.usefixtures("prefect")
def test_without_a_pushgateway_failed_runs_are_not_recorded_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READMIT_PUSHGATEWAY_URL", "http://pushgateway.example:9091")
    notifications.sync_automations()
    monkeypatch.delenv("READMIT_PUSHGATEWAY_URL")
    notifications.sync_automations()
    assert automations().keys() == {"mark dead runs as crashed"}


def test_prefects_server_pushes_when_a_run_failed(run_flow: RunFlow, monkeypatch: pytest.MonkeyPatch) -> None:
    path = "/metrics/job/flows/run/failed"
    with recording_pushgateway() as gateway:
        monkeypatch.setenv("READMIT_PUSHGATEWAY_URL", gateway.url)
        notifications.sync_automations()
        # The server reads new automations from its database in its own time.
        deadline = time.monotonic() + 60
        while path not in gateway.groups and time.monotonic() < deadline:
            run_flow("fetch", MissingBatches("batch 3 is missing"))
            time.sleep(1)
        ((name, at),) = ((key, value) for (key,), value in gateway.series(path).items())
        assert name == RUN_FAILED.name
        assert at == pytest.approx(time.time(), abs=120)
        assert set(gateway.pushes) == {("POST", path, "text/plain; version=0.0.4")}
        assert path == "/metrics/job/" + "/".join([JOB, *next(iter(RUN_FAILED_LABELS.items()))])
        assert f"# HELP {RUN_FAILED.name} {RUN_FAILED.description}\n" in notifications.PAYLOAD


@pytest.mark.usefixtures("prefect")
def test_a_paused_deployment_stays_paused_when_it_is_deployed_again() -> None:
    schedule = Cron(SCHEDULE, timezone=TIME_ZONE)
    deployment_id = deployments.deployment(daily.daily, schedule).apply()
    with get_client(sync_client=True) as client:
        assert client.read_deployment(deployment_id).paused is False
        client.pause_deployment(deployment_id)
        deployments.deployment(daily.daily, schedule).apply()
        assert client.read_deployment(deployment_id).paused is True


@pytest.mark.parametrize("error", [SourceUnavailable("no answer"), KeyError("unexpected")])
def test_a_retryable_error_is_retried_as_often_as_the_table_says_and_then_ends_the_day(
    run_flow: RunFlow, error: Exception
) -> None:
    counts = Counter(name for name, _ in run_flow("fetch", error))
    assert counts == {"check_source": 1, "fetch": 1 + BY_NAME["fetch"].retries}


def test_a_final_error_is_not_retried(run_flow: RunFlow) -> None:
    counts = Counter(name for name, _ in run_flow("fetch", MissingBatches("batch 3 is missing")))
    assert counts == {"check_source": 1, "fetch": 1}


@pytest.mark.usefixtures("run_flow")
def test_a_day_with_nothing_to_do_ends_at_admission(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daily, "attempt", lambda *_: ADMISSION | {"batch": None, "go_on": False})
    assert daily.daily() is False
