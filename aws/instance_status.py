"""`just aws::status`: the instance and its address, the next start and stop, and the cost of the month so far."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from aws.adopted_instance import tagged_instances
from aws.aws_cron import next_due
from aws.clients import AwsClients
from aws.errors import AwsCommandError
from aws.infrastructure import TAG, InfrastructureStack
from aws.running_cost import cost_of, month_share, running_hours, start_of_month
from aws.schedule_pair import SchedulePair

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InstanceTypeDef

PORT = 5001


def status_lines(clients: AwsClients, stack: InfrastructureStack, now: datetime) -> Iterator[str]:
    """Yield the lines of the status. `now`: with a time zone. Raises AwsCommandError when there is no instance."""
    instances = tagged_instances(clients.ec2, stack.name)
    if not instances:
        raise AwsCommandError(f"no instance has the tag {TAG}={stack.name}: run just aws::up --instance ID")
    instance = instances[0]
    yield f"account    {clients.account}, {clients.region}"
    yield f"instance   {instance['InstanceId']} ({instance['InstanceType']}), {instance['State']['Name']}"
    yield f"address    {_address(instance)}"
    crons = SchedulePair(clients.scheduler, stack, {}).expressions()
    for action in ("start", "stop"):
        yield f"{f'next {action}':<10} {_due(crons.get(action), now)}"
    yield f"{now:%B}".ljust(10) + f" {_month(clients, instance, now)}"
    yield f"failures   {_failures(clients, stack)}"


def _address(instance: "InstanceTypeDef") -> str:
    host = instance.get("PublicDnsName") or instance.get("PublicIpAddress")
    return f"{host}, port {PORT} (changes at each start)" if host else "none while it is stopped"


def _due(expression: str | None, now: datetime) -> str:
    due = next_due(expression, now) if expression else None
    return f"{due:%a %Y-%m-%d %H:%M} {due.tzinfo}" if due else "never: just aws::schedule sets it"


def _month(clients: AwsClients, instance: "InstanceTypeDef", now: datetime) -> str:
    hours = running_hours(clients.cloudwatch, instance["InstanceId"], start_of_month(now), now)
    volumes = [device["Ebs"]["VolumeId"] for device in instance.get("BlockDeviceMappings", [])]
    found = clients.ec2.describe_volumes(VolumeIds=volumes)["Volumes"] if volumes else []
    size, since = sum(volume["Size"] for volume in found), min((volume["CreateTime"] for volume in found), default=now)
    cost = cost_of(hours, instance["InstanceType"], size, month_share(since, now))
    if cost is None:
        return f"{hours:.1f} h of running; the price of a {instance['InstanceType']} is not listed"
    return f"{hours:.1f} h of running, about {cost.total:.2f} USD ({cost.instance:.2f} + disk {cost.disk:.2f})"


def _failures(clients: AwsClients, stack: InfrastructureStack) -> str:
    url = stack.outputs()["QueueUrl"]
    response = clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    count = int(response["Attributes"]["ApproximateNumberOfMessages"])
    return f"{count} starts or stops failed for good: see {url}" if count else "none"
