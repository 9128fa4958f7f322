"""The Lambda function, called directly: on moto's EC2, and with a Stubber for the states that moto has not."""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from aws.clients import AwsClients
from aws.handler import (
    CONFIG,
    AmbiguousTag,
    InstanceInTransition,
    InstanceTerminated,
    InvalidEvent,
    NoSuchInstance,
    RequestThrottled,
    change_state,
    handler,
    parse_event,
)
from tests.aws.moto_server import UBUNTU_AMI

INSTANCE = "i-0123456789abcdef0"
TAG = "readmit-source=readmit"


@pytest.fixture
def ec2(clients: AwsClients) -> Any:
    return clients.ec2


def run_instance(ec2: Any, tag: str = TAG) -> str:
    key, _, value = tag.partition("=")
    tags = [{"ResourceType": "instance", "Tags": [{"Key": key, "Value": value}]}]
    response = ec2.run_instances(ImageId=UBUNTU_AMI, MinCount=1, MaxCount=1, TagSpecifications=tags)
    return str(response["Instances"][0]["InstanceId"])


def state_of(ec2: Any, instance_id: str) -> str:
    response = ec2.describe_instances(InstanceIds=[instance_id])
    return str(response["Reservations"][0]["Instances"][0]["State"]["Name"])


def test_a_running_instance_is_stopped_and_a_stopped_one_started_by_id_or_tag(ec2: Any) -> None:
    instance_id = run_instance(ec2)
    stopped = handler({"action": "stop", "instance_id": instance_id})
    assert stopped == {"instance_id": instance_id, "state": "running", "outcome": "stopped", "dry_run": False}
    assert state_of(ec2, instance_id) == "stopped"
    started = handler({"action": "start", "tag": TAG})
    assert started == {"instance_id": instance_id, "state": "stopped", "outcome": "started", "dry_run": False}
    assert state_of(ec2, instance_id) == "running"


def test_a_second_start_or_stop_finds_nothing_to_do(ec2: Any) -> None:
    run_instance(ec2)
    assert handler({"action": "start", "tag": TAG})["outcome"] == "already running"
    handler({"action": "stop", "tag": TAG})
    assert handler({"action": "stop", "tag": TAG})["outcome"] == "already stopped"


@pytest.mark.parametrize("action", ["start", "stop"])
def test_a_dry_run_changes_nothing(ec2: Any, action: str) -> None:
    instance_id = run_instance(ec2)
    if action == "start":
        ec2.stop_instances(InstanceIds=[instance_id])
    before = state_of(ec2, instance_id)
    done = "started" if action == "start" else "stopped"
    assert handler({"action": action, "tag": TAG, "dry_run": True})["outcome"] == f"would have been {done}"
    assert state_of(ec2, instance_id) == before


@pytest.mark.parametrize("action", ["start", "stop"])
def test_a_terminated_instance_is_an_error(ec2: Any, action: str) -> None:
    instance_id = run_instance(ec2)
    ec2.terminate_instances(InstanceIds=[instance_id])
    with pytest.raises(InstanceTerminated, match=f"{instance_id} is terminated: create another instance"):
        handler({"action": action, "instance_id": instance_id})


def test_a_terminated_instance_with_the_same_tag_is_not_in_the_way(ec2: Any) -> None:
    ec2.terminate_instances(InstanceIds=[run_instance(ec2)])
    instance_id = run_instance(ec2)
    assert handler({"action": "stop", "tag": TAG})["instance_id"] == instance_id


@pytest.mark.usefixtures("moto")
@pytest.mark.parametrize("selector", [{"instance_id": INSTANCE}, {"instance_id": "web-server"}, {"tag": "a=b"}])
def test_an_instance_that_does_not_exist_is_an_error(selector: dict[str, str]) -> None:
    with pytest.raises(NoSuchInstance, match=r"no instance .*(0123456789abcdef0|web-server|a=b).* in this region"):
        handler({"action": "start", **selector})


def test_two_instances_with_the_tag_are_an_error_and_neither_is_changed(ec2: Any) -> None:
    both = [run_instance(ec2), run_instance(ec2)]
    with pytest.raises(AmbiguousTag, match="all have the tag readmit-source=readmit: remove it from all but one"):
        handler({"action": "stop", "tag": TAG})
    assert [state_of(ec2, instance_id) for instance_id in both] == ["running", "running"]


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({}, "action: None"),
        ({"action": "reboot", "tag": TAG}, "action: 'reboot'"),
        ({"action": "start"}, "instance_id, tag"),
        ({"action": "start", "tag": TAG, "instance_id": INSTANCE}, "instance_id, tag"),
        ({"action": "start", "tag": "readmit"}, "tag: 'readmit' is not of the form KEY=VALUE"),
        ({"action": "start", "tag": TAG, "dry_run": "yes"}, "dry_run: 'yes'"),
    ],
)
def test_an_event_with_a_missing_or_invalid_field_is_an_error_that_names_it(event: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidEvent, match=field):
        handler(event)


def test_each_call_logs_one_json_object(ec2: Any, capsys: pytest.CaptureFixture[str]) -> None:
    instance_id = run_instance(ec2)
    handler({"action": "stop", "tag": TAG}, SimpleNamespace(aws_request_id="7f3a"))
    with pytest.raises(NoSuchInstance):
        handler({"action": "start", "tag": "a=b"}, SimpleNamespace(aws_request_id="7f3b"))
    done, failed = map(json.loads, capsys.readouterr().out.splitlines())
    assert done == {
        **{"level": "INFO", "request_id": "7f3a", "action": "stop", "tag": TAG, "dry_run": False},
        **{"instance_id": instance_id, "state": "running", "outcome": "stopped"},
    }
    assert (failed["level"], failed["error"], failed["request_id"]) == ("ERROR", "NoSuchInstance", "7f3b")
    assert failed["message"] == "no instance with the tag a=b exists in this region"


@pytest.fixture
def stub() -> Iterator[tuple[Any, Stubber]]:
    """A client whose responses are given: moto's instances are never in a transition, and it throttles nobody."""
    client = boto3.client("ec2", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    with Stubber(client) as stubber:
        yield client, stubber
        stubber.assert_no_pending_responses()


def call(stub: tuple[Any, Stubber], action: str, state: str, error: str | None = None) -> str:
    client, stubber = stub
    instances = [{"InstanceId": INSTANCE, "State": {"Name": state}}]
    stubber.add_response("describe_instances", {"Reservations": [{"Instances": instances}]})
    if error:
        stubber.add_client_error(f"{action}_instances", error)
    return str(change_state(client, parse_event({"action": action, "instance_id": INSTANCE}))["outcome"])


def test_an_instance_on_its_way_to_the_state_needs_nothing_by_stubber(stub: tuple[Any, Stubber]) -> None:
    assert call(stub, "start", "pending") == "already starting"
    assert call(stub, "stop", "stopping") == "already stopping"


@pytest.mark.parametrize(("action", "state"), [("start", "stopping"), ("stop", "pending")])
def test_an_instance_on_its_way_to_the_opposite_state_is_tried_later_by_stubber(
    stub: tuple[Any, Stubber], action: str, state: str
) -> None:
    with pytest.raises(InstanceInTransition, match=f"is {state}, too early to {action} it: try again later"):
        call(stub, action, state)


def test_an_instance_that_is_shutting_down_is_an_error_by_stubber(stub: tuple[Any, Stubber]) -> None:
    with pytest.raises(InstanceTerminated, match="is shutting-down"):
        call(stub, "start", "shutting-down")


def test_a_state_that_changed_between_the_two_requests_is_tried_later_by_stubber(stub: tuple[Any, Stubber]) -> None:
    with pytest.raises(InstanceInTransition, match="the state has just changed"):
        call(stub, "start", "stopped", error="IncorrectInstanceState")


@pytest.mark.parametrize("code", ["RequestLimitExceeded", "Throttling"])
def test_throttling_has_an_error_of_its_own_by_stubber(stub: tuple[Any, Stubber], code: str) -> None:
    with pytest.raises(RequestThrottled, match=f"throttled the request .{code}.: try again later"):
        call(stub, "start", "stopped", error=code)


def test_a_request_has_limits_of_time() -> None:
    assert (CONFIG.connect_timeout, CONFIG.read_timeout) == (3, 7)
    assert CONFIG.retries == {"mode": "standard", "total_max_attempts": 2}
