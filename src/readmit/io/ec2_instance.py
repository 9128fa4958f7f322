"""The EC2 instance that runs the data API."""

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from readmit.core.errors import SourceUnavailable


def require_running(instance_id: str) -> None:
    """Raise SourceUnavailable when the instance is not running or AWS does not report its state."""
    try:
        response = boto3.client("ec2").describe_instances(InstanceIds=[instance_id])
    except (BotoCoreError, ClientError) as error:
        raise SourceUnavailable(f"instance {instance_id}: {error}") from error
    states = [item["State"]["Name"] for reservation in response["Reservations"] for item in reservation["Instances"]]
    if states != ["running"]:
        raise SourceUnavailable(f"instance {instance_id} is {', '.join(states) or 'unknown'}, not running")
