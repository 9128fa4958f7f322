"""The EC2 instance that runs the data API: its state, its address, and its start."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from readmit.core.errors import InstanceNotFound, ReadmitError, SourceUnavailable

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import InstanceTypeDef

CONFIG = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 4})
"""Timeouts in seconds, and attempts at a call: AWS throttles frequent ones."""
GONE = ("shutting-down", "terminated")
UNKNOWN_ID = ("InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed")
DENIED = ("AuthFailure", "UnauthorizedOperation", "RequestExpired", "NoCredentialsError", "ProfileNotFound")


@dataclass(frozen=True, slots=True)
class Ec2Access:
    """Access to EC2. `endpoint`: None: AWS's; `credentials`: a file in AWS's format, None: those that boto3 finds."""

    region: str
    endpoint: str | None = None
    credentials: Path | None = None


@dataclass(frozen=True, slots=True)
class InstanceSelection:
    """Selects an instance by its id or, if that is None, by a tag, as key and value."""

    instance_id: str | None
    tag: tuple[str, str] | None = None

    def __str__(self) -> str:
        return f"id {self.instance_id}" if self.tag is None else f"tag {self.tag[0]}={self.tag[1]}"


@dataclass(frozen=True, slots=True)
class InstanceState:
    """An instance. `state`: pending, running, stopping or stopped; `address`: public if it has one, else private."""

    instance_id: str
    state: str
    address: str | None


def describe(selection: InstanceSelection, access: Ec2Access) -> InstanceState:
    """Return the state of the selected instance.

    Raises InstanceNotFound when not exactly one exists, SourceUnavailable when AWS does not respond or denies access.
    """
    with _client(access) as client:
        pages = client.get_paginator("describe_instances")
        if selection.tag is None:
            responses = pages.paginate(InstanceIds=[str(selection.instance_id)])
        else:
            responses = pages.paginate(Filters=[{"Name": f"tag:{selection.tag[0]}", "Values": [selection.tag[1]]}])
        instances = [
            item for response in responses for group in response["Reservations"] for item in group["Instances"]
        ]
    existing = [instance for instance in instances if instance["State"]["Name"] not in GONE]
    if len(existing) != 1:
        gone = ", ".join(f"{item['InstanceId']} is {item['State']['Name']}" for item in instances)
        matching = ", ".join(item["InstanceId"] for item in existing) or gone or "none"
        raise InstanceNotFound(f"exactly one EC2 instance with the {selection} must exist; found: {matching}")
    return _state(existing[0])


def start(instance_id: str, access: Ec2Access) -> None:
    """Start an instance; a running one is unaffected. Raises SourceUnavailable when AWS does not start it."""
    with _client(access) as client:
        client.start_instances(InstanceIds=[instance_id])


def _state(instance: "InstanceTypeDef") -> InstanceState:
    address = instance.get("PublicIpAddress") or instance.get("PrivateIpAddress")
    state = instance["State"]["Name"]
    return InstanceState(instance["InstanceId"], state, address if state == "running" else None)


@contextmanager
def _client(access: Ec2Access) -> Iterator["EC2Client"]:
    """Yield a client, and translate its errors."""
    try:
        session = botocore.session.get_session()
        if access.credentials is not None:
            session.set_config_variable("credentials_file", str(access.credentials))
            # With an explicit profile, credentials in the environment, which may be those of an S3 server, are ignored.
            session.set_config_variable("profile", "default")
        aws = boto3.Session(botocore_session=session, region_name=access.region)
        yield aws.client("ec2", endpoint_url=access.endpoint, config=CONFIG)
    except (BotoCoreError, ClientError) as error:
        raise _translated(error) from error


def _translated(error: BotoCoreError | ClientError) -> ReadmitError:
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
    if code in UNKNOWN_ID:
        return InstanceNotFound(f"EC2: {error}")
    return SourceUnavailable(f"EC2: {error}{'. Check READMIT_EC2_CREDENTIALS' if code in DENIED else ''}")
