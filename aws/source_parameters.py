"""The parameters of the data API in Parameter Store, which the instance reads before each start of the service."""

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from aws.errors import AwsCommandError

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

UBUNTU = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
"""Canonical's public parameter with the newest image of Ubuntu 24.04."""
TLS = ("tls_certificate", "tls_key")
SECRET = ("source_token", "tls_key")
TOKEN_BYTES = 32


class SourceParameters:
    """The parameters below /readmit/NAME. `given`: new values by name; the others are kept."""

    label = "parameters"

    def __init__(self, client: "SSMClient", name: str, given: Mapping[str, str]) -> None:
        self._client, self._path, self._given = client, f"/readmit/{name}", given

    def path(self, name: str) -> str:
        """Return the full name of a parameter."""
        return f"{self._path}/{name}"

    def values(self) -> dict[str, str]:
        """Return the decrypted values by the last part of their names."""
        pages = self._client.get_paginator("get_parameters_by_path").paginate(Path=self._path, WithDecryption=True)
        return {item["Name"].rpartition("/")[2]: item["Value"] for page in pages for item in page["Parameters"]}

    def has_new_certificate(self) -> bool:
        """Return whether a new value of the certificate or its key is given."""
        current = self.values()
        return any(current.get(name) != value for name, value in self._given.items() if name in TLS)

    def difference(self) -> str | None:
        """Return what is to be done, or None. Raises AwsCommandError when no image of the data API is known."""
        current = self.values()
        if "image" not in {**current, **self._given}:
            raise AwsCommandError(
                "--image: which image of the data API is the instance to run? Build it from compose/Dockerfile "
                "(target ec2-api) and push it to a registry: docs/aws.md"
            )
        changed = [name for name, value in self._given.items() if current.get(name) != value]
        generated = [name for name in ("ami", "source_token") if name not in {**current, **self._given}]
        return f"set {', '.join(sorted(changed + generated))}" if changed or generated else None

    def apply(self) -> None:
        """Set what differs; generate the token and look up Ubuntu's image once."""
        current = self.values()
        wanted = dict(self._given)
        if "source_token" not in current:
            wanted.setdefault("source_token", secrets.token_urlsafe(TOKEN_BYTES))
        if "ami" not in current:
            wanted.setdefault("ami", self._ubuntu())
        for name, value in wanted.items():
            if current.get(name) != value:
                self._client.put_parameter(
                    Name=self.path(name),
                    Value=value,
                    Type="SecureString" if name in SECRET else "String",
                    Overwrite=True,
                )

    def remains(self) -> str | None:
        """Return what `remove` would delete, or None."""
        return ", ".join(sorted(self.values())) or None

    def remove(self) -> None:
        """Delete all parameters below the path."""
        self._client.delete_parameters(Names=[self.path(name) for name in self.values()])

    def _ubuntu(self) -> str:
        try:
            return self._client.get_parameter(Name=UBUNTU)["Parameter"]["Value"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ParameterNotFound":
                raise AwsCommandError(f"this region has no parameter {UBUNTU}: choose another region") from error
            raise
