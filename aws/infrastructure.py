"""The CloudFormation stack of template.yaml: created, updated and deleted as a whole."""

from collections.abc import Callable, Mapping
from itertools import takewhile
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, WaiterError

from aws.errors import AwsCommandError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import (
        ParameterTypeDef,
        StackEventTypeDef,
        StackTypeDef,
        WaiterConfigTypeDef,
    )

TAG = "readmit-source"
"""Key of the tag that marks the instance; its value is the name of the stack."""
TEMPLATE = Path(__file__).with_name("template.yaml")
FAILED_CREATION = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED")
"""States that can only be deleted."""
BEGIN = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS")
"""States of the stack when an operation has begun."""
POLL: "WaiterConfigTypeDef" = {"Delay": 5, "MaxAttempts": 120}
"""Seconds between two looks at an operation, and their number: ten minutes."""


class InfrastructureStack:
    """The stack by its name. `wanted`: its parameters by name; `initial`: those that no update changes."""

    def __init__(
        self,
        client: "CloudFormationClient",
        name: str,
        wanted: Mapping[str, str],
        initial: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._client, self.name, self._wanted, self._initial = client, name, wanted, initial

    @property
    def label(self) -> str:
        """What the stack is, for people."""
        return f"stack {self.name}"

    def difference(self) -> str | None:
        """Return what is to be done, or None when the stack has this template and these parameters."""
        found = find_stack(self._client, self.name)
        if found is None:
            return "create"
        if found["StackStatus"] in FAILED_CREATION:
            return f"delete and create again ({found['StackStatus']})"
        _require_idle(found)
        current = self.parameters()
        changed = [name for name, value in self._wanted.items() if current.get(name) != value]
        if str(self._client.get_template(StackName=self.name)["TemplateBody"]) != TEMPLATE.read_text():
            changed.append("template")
        return f"update ({', '.join(sorted(changed))})" if changed else None

    def apply(self) -> None:
        """Create or update the stack and wait for it. Raises AwsCommandError with the reasons when that fails."""
        found = find_stack(self._client, self.name)
        if found is not None and found["StackStatus"] in FAILED_CREATION:
            self.remove()
            found = None
        if found is None:
            self._write(self._client.create_stack, self._parameters(is_new=True))
            self._wait(self._client.get_waiter("stack_create_complete").wait)
        elif self._write(self._client.update_stack, self._parameters(is_new=False)):
            self._wait(self._client.get_waiter("stack_update_complete").wait)

    def remains(self) -> str | None:
        """Return what `remove` would delete, or None when there is no stack."""
        if find_stack(self._client, self.name) is None:
            return None
        return "with its instance and disk" if self.creates_instance() else "with its function"

    def remove(self) -> None:
        """Delete the stack and wait for it. Raises AwsCommandError with the reasons when that fails."""
        self._client.delete_stack(StackName=self.name)
        self._wait(self._client.get_waiter("stack_delete_complete").wait)

    def creates_instance(self) -> bool:
        """Return whether the stack exists and has an instance of its own, also while it is being created."""
        return self.parameters().get("CreateInstance") == "yes"

    def parameters(self) -> dict[str, str]:
        """Return the parameters of the stack by name; none when it does not exist."""
        found = find_stack(self._client, self.name)
        items = [] if found is None else found.get("Parameters", [])
        return {item["ParameterKey"]: item["ParameterValue"] for item in items}

    def outputs(self) -> dict[str, str]:
        """Return the outputs of the stack by name; none when it does not exist."""
        found = find_stack(self._client, self.name)
        items = [] if found is None else found.get("Outputs", [])
        return {item["OutputKey"]: item["OutputValue"] for item in items}

    def _parameters(self, is_new: bool) -> "list[ParameterTypeDef]":
        initial: list[ParameterTypeDef] = [
            {"ParameterKey": name, "ParameterValue": value}
            if is_new
            else {"ParameterKey": name, "UsePreviousValue": True}
            for name, value in self._initial.items()
        ]
        wanted: list[ParameterTypeDef] = [
            {"ParameterKey": name, "ParameterValue": value} for name, value in self._wanted.items()
        ]
        return [*wanted, *initial]

    def _write(self, operation: Callable[..., object], parameters: "list[ParameterTypeDef]") -> bool:
        """Create or update the stack. Return False when AWS finds nothing to update, as after a change of a comment."""
        try:
            operation(
                StackName=self.name,
                TemplateBody=TEMPLATE.read_text(),
                Parameters=parameters,
                Capabilities=["CAPABILITY_IAM"],
                Tags=[{"Key": TAG, "Value": self.name}],
            )
        except ClientError as error:
            if "No updates are to be performed" in str(error):
                return False
            raise
        return True

    def _wait(self, wait: Callable[..., None]) -> None:
        try:
            wait(StackName=self.name, WaiterConfig=POLL)
        except WaiterError as error:
            raise AwsCommandError(f"stack {self.name}: {self._failures() or error}") from error

    def _failures(self) -> str:
        """Return the reasons of the resources that failed, without those that were only cancelled."""
        pages = self._client.get_paginator("describe_stack_events").paginate(StackName=self.name)
        newest_first = (event for page in pages for event in page["StackEvents"])
        reasons = {
            f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}"
            for event in takewhile(lambda event: not self._is_begin(event), newest_first)
            if event.get("ResourceStatus", "").endswith("_FAILED") and event.get("ResourceStatusReason")
        }
        return "; ".join(sorted(reason for reason in reasons if "cancelled" not in reason))

    def _is_begin(self, event: "StackEventTypeDef") -> bool:
        """Return whether the event is the begin of an operation on the stack: those before it are of an older one."""
        return event.get("LogicalResourceId") == self.name and event.get("ResourceStatus") in BEGIN


def find_stack(client: "CloudFormationClient", name: str) -> "StackTypeDef | None":
    """Return the stack, or None."""
    try:
        return client.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError" and "does not exist" in str(error):
            return None
        raise


def _require_idle(stack: "StackTypeDef") -> None:
    if stack["StackStatus"].endswith("_IN_PROGRESS"):
        raise AwsCommandError(
            f"stack {stack['StackName']} is being changed ({stack['StackStatus']}): try again in a few minutes"
        )
