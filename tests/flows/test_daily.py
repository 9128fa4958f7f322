"""The day under a real Prefect; what a step does is not."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.sorting import ArtifactSort
from prefect.exceptions import PrefectException
from prefect.schedules import Cron
from prefect.settings import PREFECT_HOME, PREFECT_SERVER_ANALYTICS_ENABLED, temporary_settings
from prefect.testing.utilities import prefect_test_harness

from flows import daily, notifications, serve
from readmit.core.errors import MissingBatches, SourceUnavailable
from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate
from readmit.pipeline import BY_NAME, SCHEDULE, STEPS, TIME_ZONE, Facts, RunRequest
from tests.step_facts import DOOR, facts_of

Tried = Callable[..., list[tuple[str, RunRequest]]]


@pytest.fixture(scope="module")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Prefect of its own, that tells nobody of itself and leaves nothing at home."""
    quiet = {PREFECT_HOME: tmp_path_factory.mktemp("prefect"), PREFECT_SERVER_ANALYTICS_ENABLED: False}
    with temporary_settings(quiet), prefect_test_harness(server_startup_timeout=120):
        yield


@pytest.fixture
def tried(
    prefect: None,  # noqa: ARG001 - it has to be up
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Tried:
    """Runs a day without pauses in which one step may fail; each try as step and ticket."""
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
        **asked: object,
    ) -> list[tuple[str, RunRequest]]:
        tries: list[tuple[str, RunRequest]] = []

        def attempt(name: str, ticket: RunRequest) -> Facts:
            tries.append((name, ticket))
            if name == failing and error is not None:
                raise error
            return facts_of(name) | ({} if ticket.ingest else {"training_alone": True})

        monkeypatch.setattr(daily, "attempt", attempt)
        if error is None:
            assert flow(**asked) is True
        else:
            with pytest.raises(type(error)):
                flow(**asked)
        return tries

    return run


def newest_artifacts() -> dict[str, str]:
    """The newest one of each key."""
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(sort=ArtifactSort.CREATED_DESC)
    return {str(each.key): str(each.data) for each in reversed(found)}


def test_every_step_is_a_task_with_the_tables_name_group_timeout_tries_and_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("READMIT_RETRY_DELAY_SECONDS", raising=False)
    assert list(daily.TASKS) == [step.name for step in STEPS]
    for step, task in zip(STEPS, map(daily.as_task, STEPS), strict=True):
        told = (task.name, task.tags, task.timeout_seconds, task.retries, task.retry_delay_seconds)
        assert told == (step.name, {step.group}, step.timeout_seconds, step.retries, step.retry_delay_seconds)


def test_the_setting_shortens_the_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READMIT_RETRY_DELAY_SECONDS", "1.5")
    assert daily.as_task(BY_NAME["fetch"]).retry_delay_seconds == 1.5


def test_the_day_is_the_tables_steps_in_order_on_the_batch_that_was_chosen_at_the_door(
    tried: Tried,
) -> None:
    tries = tried()
    assert [name for name, _ in tries] == [step.name for step in STEPS]
    assert [ticket.batch for _, ticket in tries] == [None, *[4] * (len(STEPS) - 1)]
    assert len({ticket.run_id for _, ticket in tries}) == 1


def test_without_training_the_day_ends_after_ingestion(tried: Tried) -> None:
    tries = tried(batch=4, train=False)
    assert [name for name, _ in tries] == [step.name for step in STEPS if step.group == "ingestion"]
    assert {(ticket.batch, ticket.train) for _, ticket in tries} == {(4, False)}


def test_training_alone_is_a_flow_of_its_own(tried: Tried) -> None:
    tries = tried(flow=daily.train, batch=4)
    assert {(ticket.batch, ticket.ingest) for _, ticket in tries} == {(4, False)}
    assert [name for name, _ in tries] == ["check_source", *(step.name for step in STEPS if step.group == "training")]


def test_a_day_leaves_a_table_of_its_steps_and_links_to_what_it_made(
    tried: Tried, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("READMIT_MLFLOW_PAGE_URL", "http://mlflow.example")
    tried()
    left = newest_artifacts()
    assert [row["step"] for row in json.loads(left["day"])] == [step.name for step in STEPS]
    assert "http://mlflow.example/#/runs/4f2a" in left["mlflow-run"]
    assert "http://mlflow.example/#/models/readmit/versions/7" in left["version"]


def test_a_day_that_fails_leaves_what_it_did_until_then(tried: Tried) -> None:
    tried("clean", MissingBatches("batch 3 is missing"))
    assert [row["step"] for row in json.loads(newest_artifacts()["day"])] == ["check_source", "fetch", "store_raw"]


def test_a_day_ends_for_its_own_reason_also_where_no_artifact_can_be_left(
    tried: Tried, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PrefectException("the server is busy")

    monkeypatch.setattr(notifications, "create_table_artifact", fail)
    assert len(tried()) == len(STEPS)
    tried("clean", MissingBatches("batch 3 is missing"))


def automations() -> dict[str, tuple[object, ...]]:
    with get_client(sync_client=True) as client:
        return {each.name: (each.id, each.trigger, each.tags) for each in client.read_automations()}


@pytest.mark.usefixtures("prefect")
def test_automations_are_made_once_and_touched_only_when_they_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READMIT_ALERTMANAGER_URL", "http://alertmanager.example:9093")
    notifications.keep_automations()
    before = automations()
    assert before.keys() == {"a failed day is told", "a run that died is crashed"}
    notifications.keep_automations()
    assert automations() == before
    monkeypatch.setenv("READMIT_ALERTMANAGER_URL", "http://another.example:9093")
    notifications.keep_automations()
    after = automations()
    assert {name: each[0] for name, each in after.items()} == {name: each[0] for name, each in before.items()}
    assert all(after[name] != before[name] for name in before)


@pytest.mark.usefixtures("prefect")
def test_what_a_person_paused_stays_so_when_it_is_deployed_again() -> None:
    begins = Cron(SCHEDULE, timezone=TIME_ZONE)
    number = serve.deployment(daily.daily, begins).apply()
    with get_client(sync_client=True) as client:
        assert client.read_deployment(number).paused is False
        client.pause_deployment(number)
        serve.deployment(daily.daily, begins).apply()
        assert client.read_deployment(number).paused is True


@pytest.mark.parametrize("error", [SourceUnavailable("it sleeps"), KeyError("nobody foresaw it")])
def test_an_error_that_may_pass_is_tried_as_often_as_the_table_says_and_then_ends_the_day(
    tried: Tried, error: Exception
) -> None:
    counted = Counter(name for name, _ in tried("fetch", error))
    assert counted == {"check_source": 1, "fetch": 1 + BY_NAME["fetch"].retries}


def test_an_error_that_is_final_is_not_tried_again(tried: Tried) -> None:
    counted = Counter(name for name, _ in tried("fetch", MissingBatches("batch 3 is missing")))
    assert counted == {"check_source": 1, "fetch": 1}


@pytest.mark.usefixtures("tried")
def test_a_day_with_nothing_to_do_ends_at_the_door(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daily, "attempt", lambda *_: DOOR | {"batch": None, "go_on": False})
    assert daily.daily() is False
