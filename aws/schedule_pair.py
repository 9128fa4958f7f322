"""The two schedules of EventBridge Scheduler that call the function: start and stop."""

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from aws.aws_cron import START, STOP, TIME_ZONE
from aws.errors import AwsCommandError
from aws.infrastructure import TAG, InfrastructureStack

if TYPE_CHECKING:
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_scheduler.type_defs import CreateScheduleInputTypeDef, GetScheduleOutputTypeDef

DEFAULTS = {"start": START, "stop": STOP}
RETRIES = 10
MAX_AGE_SECONDS = 3600
"""How late the function may be called when AWS could not call it in time."""


class SchedulePair:
    """The schedules of a stack. `crons`: new cron expressions by action; those of other actions are kept."""

    label = "schedules"

    def __init__(
        self, client: "EventBridgeSchedulerClient", stack: InfrastructureStack, crons: Mapping[str, str]
    ) -> None:
        self._client, self._stack, self._crons = client, stack, crons

    def expressions(self) -> dict[str, str]:
        """Return the cron expression of each schedule that exists, by action.

        Raises AwsCommandError when somebody has given a schedule another kind of expression.
        """
        found = {action: self._find(action) for action in DEFAULTS}
        return {action: _cron_of(schedule) for action, schedule in found.items() if schedule is not None}

    def difference(self) -> str | None:
        """Return what is to be done, or None when both schedules are as wanted."""
        wanted, outputs = self._wanted(), self._stack.outputs()
        changes = [
            f"{action} at {cron}"
            for action, cron in wanted.items()
            if not outputs or not self._is_current(action, self._request(action, cron, outputs))
        ]
        return f"{', '.join(changes)}, in {TIME_ZONE}" if changes else None

    def apply(self) -> None:
        """Create or update both schedules."""
        outputs = self._stack.outputs()
        for action, cron in self._wanted().items():
            write = self._client.update_schedule if self._find(action) else self._client.create_schedule
            write(**self._request(action, cron, outputs))

    def remains(self) -> str | None:
        """Return what `remove` would delete, or None when no schedule exists."""
        return " and ".join(self._existing()) or None

    def remove(self) -> None:
        """Delete the schedules that exist."""
        for action in self._existing():
            self._client.delete_schedule(Name=self._schedule_name(action))

    def _existing(self) -> list[str]:
        return [action for action in DEFAULTS if self._find(action) is not None]

    def _wanted(self) -> dict[str, str]:
        return {**DEFAULTS, **self.expressions(), **self._crons}

    def _is_current(self, action: str, request: "CreateScheduleInputTypeDef") -> bool:
        found = self._find(action)
        return found is not None and all(found.get(name) == value for name, value in request.items())

    def _request(self, action: str, cron: str, outputs: Mapping[str, str]) -> "CreateScheduleInputTypeDef":
        return {
            "Name": self._schedule_name(action),
            "Description": f"{action}s the EC2 instance of the data API",
            "ScheduleExpression": f"cron({cron})",
            "ScheduleExpressionTimezone": TIME_ZONE,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "State": "ENABLED",
            "Target": {
                "Arn": outputs["FunctionArn"],
                "RoleArn": outputs["SchedulerRoleArn"],
                "Input": json.dumps({"action": action, "tag": f"{TAG}={self._stack.name}"}),
                "RetryPolicy": {"MaximumRetryAttempts": RETRIES, "MaximumEventAgeInSeconds": MAX_AGE_SECONDS},
                "DeadLetterConfig": {"Arn": outputs["QueueArn"]},
            },
        }

    def _schedule_name(self, action: str) -> str:
        return f"{self._stack.name}-{action}"

    def _find(self, action: str) -> "GetScheduleOutputTypeDef | None":
        try:
            return self._client.get_schedule(Name=self._schedule_name(action))
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return None
            raise


def _cron_of(schedule: "GetScheduleOutputTypeDef") -> str:
    match = re.fullmatch(r"cron\((.*)\)", schedule["ScheduleExpression"])
    if match is None:
        raise AwsCommandError(
            f"schedule {schedule['Name']} is {schedule['ScheduleExpression']} and no cron expression, which somebody "
            "has changed in AWS: delete it there, and just aws::up creates it again"
        )
    return match[1]
