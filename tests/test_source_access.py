"""The data API on an EC2 instance: found, started within its hours, and left alone outside them. EC2 is moto's."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from readmit import source_access
from readmit.core.errors import InstanceNotFound, SourceUnavailable
from readmit.io import source_client
from readmit.io.source_client import SourceEndpoint, SourceState
from readmit.settings import SettingError, Settings, load
from readmit.source_access import current_endpoint, make_available
from readmit.stacks.certificates import make_certificate
from readmit.steps import check_source, fetch

OPEN, CLOSED = datetime(2026, 11, 27, 14, 30, tzinfo=UTC), datetime(2026, 11, 27, 5, 0, tzinfo=UTC)
"""9:30 and 0:00 in Lima."""
STATE = SourceState("sample", 20, 2, 2, True)
IMAGE = "ami-12c6146b"


class Instance:
    """An instance in moto's EC2, and the requests that were sent to its data API."""

    def __init__(self) -> None:
        self.ec2 = boto3.client("ec2", "us-east-1")
        started = self.ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1)["Instances"][0]
        self.id, self.endpoints = str(started["InstanceId"]), list[SourceEndpoint]()
        self.failures = 0

    def stop(self) -> None:
        self.ec2.stop_instances(InstanceIds=[self.id])

    @property
    def _description(self) -> dict[str, object]:
        description: dict[str, object] = self.ec2.describe_instances(InstanceIds=[self.id])["Reservations"][0][
            "Instances"
        ][0]
        return description

    @property
    def state(self) -> object:
        return self._description["State"]["Name"]  # type: ignore[index]  # a mapping

    @property
    def address(self) -> object:
        return self._description["PublicIpAddress"]

    def fetch_state(self, source: SourceEndpoint) -> SourceState:
        self.endpoints.append(source)
        if self.failures:
            self.failures -= 1
            raise SourceUnavailable("connection refused")
        return STATE


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Instance]:
    (tmp_path / "ca.pem").write_text(make_certificate(("ec2-api",))[0])
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setattr(source_access, "POLL_SECONDS", 0.01)
    with mock_aws():
        running = Instance()
        monkeypatch.setattr(source_client, "fetch_state", running.fetch_state)
        for name, value in {
            "EC2_INSTANCE_ID": running.id,
            "SOURCE_CA": str(tmp_path / "ca.pem"),
            "SOURCE_URL": "",
        }.items():
            monkeypatch.setenv(f"READMIT_{name}", value)
        yield running


@pytest.fixture
def instance_settings(instance: Instance) -> Settings:
    assert instance.state == "running"
    return load()


def test_a_running_instance_is_used_at_its_address_and_under_the_name_of_its_certificate(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("READMIT_SOURCE_TOKEN", "hush")
    for at in (OPEN, CLOSED):
        available = make_available(load(), lambda at=at: at)  # type: ignore[misc]  # a default of a lambda
        assert (available.started, available.state) == (False, STATE)
    endpoint = instance.endpoints[-1]
    assert (endpoint.url, endpoint.server_name) == (f"https://{instance.address}:5001", "ec2-api")
    assert (endpoint.token, endpoint.tls is not None) == ("hush", True)
    assert current_endpoint(load()).url == endpoint.url


def test_an_instance_that_is_stopped_within_its_hours_is_started_and_awaited(
    instance: Instance, instance_settings: Settings
) -> None:
    before = instance.address
    instance.stop()
    instance.failures = 1
    available = make_available(instance_settings, lambda: OPEN)
    assert (available.started, available.state, instance.state) == (True, STATE, "running")
    assert instance.endpoints[-1].url == f"https://{instance.address}:5001"
    assert instance.address != before, "the address changes at each start"


def test_an_instance_that_is_stopped_outside_its_hours_is_left_alone(
    instance: Instance, instance_settings: Settings
) -> None:
    instance.stop()
    available = make_available(instance_settings, lambda: CLOSED)
    assert (available.started, available.state, instance.state) == (False, None, "stopped")
    assert instance.endpoints == []


def test_the_hours_are_those_of_the_setting_in_its_time_zone(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance.stop()
    monkeypatch.setenv("READMIT_EC2_HOURS", "06:00-07:00 Europe/Madrid")
    assert make_available(load(), lambda: OPEN).state is None
    assert make_available(load(), lambda: CLOSED).state == STATE


def test_a_running_instance_whose_data_api_does_not_respond_fails_with_what_to_do(
    instance: Instance, instance_settings: Settings
) -> None:
    instance.failures = 1
    message = (
        f"EC2 instance {instance.id} is running, but its data API does not respond: connection refused. Check that"
    )
    with pytest.raises(SourceUnavailable, match=message):
        make_available(instance_settings, lambda: OPEN)


def test_an_instance_that_does_not_start_in_time_fails_with_its_state(
    instance: Instance, instance_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance.stop()
    monkeypatch.setattr(source_access.ec2_instance, "start", lambda *_: None)
    monkeypatch.setattr(source_access, "RUNNING_TIMEOUT_SECONDS", 0.0)
    with pytest.raises(SourceUnavailable, match=f"{instance.id} is still stopped, 0 s after a start was requested"):
        make_available(instance_settings, lambda: OPEN)


def test_an_instance_that_was_starting_and_stops_again_is_not_started(
    instance: Instance, instance_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance.stop()
    stopped = source_access.ec2_instance.describe(*source_access._selection(instance_settings))
    seen = iter([replace(stopped, state="pending")])
    monkeypatch.setattr(source_access.ec2_instance, "describe", lambda *_: next(seen, stopped))
    monkeypatch.setattr(source_access, "RUNNING_TIMEOUT_SECONDS", 0.1)
    with pytest.raises(SourceUnavailable, match=f"{instance.id} is still stopped"):
        make_available(instance_settings, lambda: CLOSED)
    assert instance.state == "stopped"


def test_an_instance_that_stopped_after_the_check_fails_the_fetch_and_is_not_started_again(
    instance: Instance, instance_settings: Settings
) -> None:
    instance.stop()
    with pytest.raises(SourceUnavailable, match=f"{instance.id} of the data API is stopped, not running") as raised:
        fetch.run(1, instance_settings)
    assert raised.value.final is False
    assert instance.state == "stopped"


def test_a_terminated_instance_is_a_final_error(instance: Instance, instance_settings: Settings) -> None:
    instance.ec2.terminate_instances(InstanceIds=[instance.id])
    with pytest.raises(InstanceNotFound, match=f"{instance.id} is terminated"):
        make_available(instance_settings, lambda: OPEN)


def test_with_a_fixed_address_the_instance_is_only_started(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READMIT_SOURCE_URL", "http://127.0.0.1:5001")
    instance.stop()
    assert make_available(load(), lambda: OPEN).started
    assert (instance.state, instance.endpoints[-1].url) == ("running", "http://127.0.0.1:5001")
    assert instance.endpoints[-1].server_name is None


@pytest.mark.usefixtures("instance")
def test_without_a_certificate_to_verify_it_an_instance_is_a_setting_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("READMIT_SOURCE_CA")
    with pytest.raises(SettingError, match=r"READMIT_SOURCE_CA is not set.*for the name ec2-api"):
        current_endpoint(load())


@pytest.mark.parametrize(("hours", "state"), [("00:00-24:00 UTC", "running"), ("closed", "stopped")])
def test_check_source_records_the_instance_and_whether_it_runs(
    hours: str,
    state: str,
    instance: Instance,
    monkeypatch: pytest.MonkeyPatch,
    hours_that_exclude_now: Callable[[], str],
) -> None:
    monkeypatch.setenv("READMIT_EC2_HOURS", hours_that_exclude_now() if hours == "closed" else hours)
    instance.stop()
    facts, running = check_source.run(load()), state == "running"
    assert (facts["instance"], facts["instance_running"], facts["instance_started"]) == (instance.id, running, running)
    assert instance.state == state
    assert facts.get("released") == (2 if running else None)
    assert ("not_today" in facts) is not running
    if not running:
        assert facts["not_today"] == f"EC2 instance {instance.id} is stopped, outside its hours {load().ec2_hours}"


@pytest.fixture
def hours_that_exclude_now() -> Callable[[], str]:
    def hours() -> str:
        hour = (datetime.now(UTC).hour + 12) % 24
        return f"{hour:02}:00-{hour:02}:01 UTC"

    return hours


def test_without_an_instance_the_address_is_that_of_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_client, "fetch_state", lambda _: STATE)
    assert current_endpoint(Settings()) == SourceEndpoint("http://127.0.0.1:5001")
    assert make_available(Settings()).instance is None
    assert check_source.run(Settings()) == {"source": "sample", "released": 2, "batches": 2, "exhausted": True}
