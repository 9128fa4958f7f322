"""The restart of a running instance whose data API gets another certificate, which it reads at its start."""

from typing import TYPE_CHECKING

from aws.adopted_instance import tagged_instances

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client


class InstanceRestart:
    """The restart, before the port is opened: until then, the data API may still use plain HTTP. It keeps the address.

    `has_new_certificate`: whether `aws::up` is given a certificate that the stored one differs from.
    """

    label = "running instance"

    def __init__(self, client: "EC2Client", name: str, has_new_certificate: bool) -> None:
        self._client, self._name, self._has_new_certificate = client, name, has_new_certificate

    def difference(self) -> str | None:
        """Return what is to be done, or None when the data API has its certificate or will read it at its start."""
        return "restart, with the new certificate" if self._has_new_certificate and self._running() else None

    def apply(self) -> None:
        """Restart the instance."""
        self._client.reboot_instances(InstanceIds=self._running())

    def remains(self) -> str | None:
        """Return None: the stack deletes the instance."""
        return None

    def remove(self) -> None:
        """Do nothing: the stack deletes the instance."""

    def _running(self) -> list[str]:
        instances = tagged_instances(self._client, self._name)
        return [item["InstanceId"] for item in instances if item["State"]["Name"] in ("pending", "running")]
