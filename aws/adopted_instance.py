"""An existing instance that the function starts and stops: it has the tag of the stack."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from aws.errors import AwsCommandError
from aws.infrastructure import TAG

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import InstanceTypeDef

NOT_GONE = ("pending", "running", "stopping", "stopped")


class AdoptedInstance:
    """The tag of an instance that existed before. `instance_id`: None if the tag is to stay where it is."""

    label = "tag of the instance"

    def __init__(self, client: "EC2Client", name: str, instance_id: str | None) -> None:
        self._client, self._name, self._instance_id = client, name, instance_id

    def difference(self) -> str | None:
        """Return what is to be done, or None. Raises AwsCommandError when it is not clear which instance is meant."""
        tagged = self._tagged()
        if self._instance_id is None and not tagged:
            raise AwsCommandError(f"no instance has the tag {TAG}={self._name}: name one with --instance")
        if self._instance_id is None or self._instance_id in tagged:
            return None
        if tagged:
            raise AwsCommandError(
                f"--instance: {tagged[0]} has the tag {TAG}={self._name}: run just aws::down first, which removes it"
            )
        self._require_existing(self._instance_id)
        return f"add {TAG}={self._name} to {self._instance_id}"

    def apply(self) -> None:
        """Add the tag."""
        if self._instance_id is not None:
            self._client.create_tags(Resources=[self._instance_id], Tags=[{"Key": TAG, "Value": self._name}])

    def remains(self) -> str | None:
        """Return the instances whose tag `remove` would delete, or None."""
        return ", ".join(self._tagged()) or None

    def remove(self) -> None:
        """Remove the tag; the instance itself is kept."""
        if tagged := self._tagged():
            self._client.delete_tags(Resources=tagged, Tags=[{"Key": TAG, "Value": self._name}])

    def _tagged(self) -> list[str]:
        return [instance["InstanceId"] for instance in tagged_instances(self._client, self._name)]

    def _require_existing(self, instance_id: str) -> None:
        try:
            self._client.describe_instances(InstanceIds=[instance_id])
        except ClientError as error:
            if error.response["Error"]["Code"].startswith("InvalidInstanceID"):
                raise AwsCommandError(f"--instance: this region has no instance {instance_id}") from error
            raise


def tagged_instances(client: "EC2Client", name: str) -> "list[InstanceTypeDef]":
    """Return the instances with the tag of a stack, without those that are gone."""
    pages = client.get_paginator("describe_instances").paginate(
        Filters=[{"Name": f"tag:{TAG}", "Values": [name]}, {"Name": "instance-state-name", "Values": NOT_GONE}]
    )
    reservations = [reservation for page in pages for reservation in page["Reservations"]]
    return [instance for reservation in reservations for instance in reservation["Instances"]]
