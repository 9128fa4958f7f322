"""The Lambda function: start or stop one EC2 instance, found by its ID or by a tag.

The event: `action` (start or stop), and `instance_id` or `tag` (KEY=VALUE); with `dry_run` true, EC2 checks the
permission and nothing changes. The function logs one JSON object per call. An error makes Lambda retry the call twice
and then send it to the dead-letter queue. This file is all of the function's code: it imports nothing of this project.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

MAX_ATTEMPTS = 2
CONNECT_SECONDS = 3
READ_SECONDS = 7
CONFIG = Config(
    connect_timeout=CONNECT_SECONDS,
    read_timeout=READ_SECONDS,
    retries={"mode": "standard", "total_max_attempts": MAX_ATTEMPTS},
)
"""Limits of a request to EC2: a call of the function makes two, in less than the function's timeout."""

START = {"stopped": "started", "running": "already running", "pending": "already starting"}
STOP = {"running": "stopped", "stopped": "already stopped", "stopping": "already stopping"}
"""What the function does, by the state that it finds: one state is acted on, two need nothing; others are errors."""
DONE = {"start": "started", "stop": "stopped"}
GONE = ("shutting-down", "terminated")
THROTTLING = ("RequestLimitExceeded", "Throttling", "ThrottlingException", "EC2ThrottledException")
NOT_FOUND = ("InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed")


class InvalidEvent(ValueError):
    """The event does not name one action and one instance."""


class NoSuchInstance(LookupError):
    """No instance has this ID or tag."""


class AmbiguousTag(LookupError):
    """More than one instance has the tag; none of them was changed."""


class InstanceTerminated(RuntimeError):
    """The instance was terminated, and can be neither started nor stopped."""


class InstanceInTransition(RuntimeError):
    """The instance is about to change to the opposite state; a later attempt can succeed."""


class RequestThrottled(RuntimeError):
    """EC2 throttled the request; a later attempt can succeed."""


@dataclass(frozen=True, slots=True)
class PowerRequest:
    """A checked event."""

    action: str
    instance_id: str | None
    tag: tuple[str, str] | None
    dry_run: bool

    @property
    def instance(self) -> str:
        """The instance as the event names it."""
        return self.instance_id or "the tag {}={}".format(*self.tag or ())


def handler(event: Mapping[str, object], context: object = None) -> dict[str, object]:
    """Start or stop the instance. Return the state that was found and what was done.

    Raises an error of this module, or botocore's, when the instance is not on its way to the requested state.
    """
    entry = {key: event.get(key) for key in ("action", "instance_id", "tag", "dry_run")}
    entry["request_id"] = getattr(context, "aws_request_id", None)
    try:
        request = parse_event(event)
        result = change_state(boto3.client("ec2", config=CONFIG), request)
    except Exception as error:
        _log("ERROR", {**entry, "error": type(error).__name__, "message": str(error)})
        raise
    _log("INFO", {**entry, **result})
    return result


def parse_event(event: Mapping[str, object]) -> PowerRequest:
    """Return the request. Raises InvalidEvent naming the field that is missing or invalid."""
    action, instance_id, tag = (event.get(key) for key in ("action", "instance_id", "tag"))
    dry_run = event.get("dry_run", False)
    if action not in DONE:
        raise InvalidEvent(f"action: {action!r} is neither start nor stop")
    if not isinstance(dry_run, bool):
        raise InvalidEvent(f"dry_run: {dry_run!r} is neither true nor false")
    if (instance_id is None) == (tag is None):
        raise InvalidEvent("instance_id, tag: exactly one of them is required")
    if instance_id is not None:
        return PowerRequest(str(action), str(instance_id), None, dry_run)
    key, _, value = str(tag).partition("=")
    if not key or not value:
        raise InvalidEvent(f"tag: {tag!r} is not of the form KEY=VALUE")
    return PowerRequest(str(action), None, (key, value), dry_run)


def change_state(ec2: "EC2Client", request: PowerRequest) -> dict[str, object]:
    """Bring the instance of a request into its state, if it is not there. Raises as `handler` does."""
    try:
        instance_id, state = _find_instance(ec2, request)
        outcome = _outcome(request.action, instance_id, state)
        if outcome == DONE[request.action]:
            outcome = _act(ec2, request, instance_id)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in THROTTLING:
            raise RequestThrottled(
                f"{request.instance}: EC2 throttled the request ({code}): try again later"
            ) from error
        if code in NOT_FOUND:
            raise NoSuchInstance(f"no instance {request.instance} exists in this region") from error
        if code == "IncorrectInstanceState":
            raise InstanceInTransition(f"{request.instance}: the state has just changed: try again later") from error
        raise
    return {"instance_id": instance_id, "state": state, "outcome": outcome, "dry_run": request.dry_run}


def _find_instance(ec2: "EC2Client", request: PowerRequest) -> tuple[str, str]:
    """Return ID and state of the instance. One that is gone counts only when there is no other."""
    describe = ec2.get_paginator("describe_instances").paginate
    if request.tag:
        pages = describe(Filters=[{"Name": f"tag:{request.tag[0]}", "Values": [request.tag[1]]}])
    else:
        pages = describe(InstanceIds=[str(request.instance_id)])
    reservations = [reservation for page in pages for reservation in page["Reservations"]]
    found = [(item["InstanceId"], str(item["State"]["Name"])) for each in reservations for item in each["Instances"]]
    candidates = [item for item in found if item[1] not in GONE] or found[:1]
    if not candidates:
        raise NoSuchInstance(f"no instance with {request.instance} exists in this region")
    if len(candidates) > 1:
        listed = ", ".join(instance_id for instance_id, _ in candidates)
        raise AmbiguousTag(f"{listed} all have {request.instance}: remove it from all but one")
    return candidates[0]


def _outcome(action: str, instance_id: str, state: str) -> str:
    outcome = (START if action == "start" else STOP).get(state)
    if outcome is not None:
        return outcome
    if state in GONE:
        raise InstanceTerminated(f"{instance_id} is {state}: create another instance")
    raise InstanceInTransition(f"{instance_id} is {state}, too early to {action} it: try again later")


def _act(ec2: "EC2Client", request: PowerRequest, instance_id: str) -> str:
    method = ec2.start_instances if request.action == "start" else ec2.stop_instances
    try:
        method(InstanceIds=[instance_id], DryRun=request.dry_run)
    except ClientError as error:
        # How EC2 reports that a dry run would have succeeded.
        if request.dry_run and error.response["Error"]["Code"] == "DryRunOperation":
            return f"would have been {DONE[request.action]}"
        raise
    return DONE[request.action]


def _log(level: str, entry: Mapping[str, object]) -> None:
    print(json.dumps({"level": level, **entry}, sort_keys=True), flush=True)
