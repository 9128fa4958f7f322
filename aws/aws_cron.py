"""Cron expressions of EventBridge Scheduler, checked before AWS sees them, and when they come due."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from aws_croniter import AwsCroniter

from aws.errors import AwsCommandError

TIME_ZONE = "America/Lima"
START = "55 8 * * ? *"
STOP = "55 23 * * ? *"
FIELDS = "minute hour day-of-month month day-of-week year, with ? for one of the two days, such as 55 8 * * ? *"


def check_aws_cron(text: str, now: datetime) -> str:
    """Return an expression with single blanks between its fields.

    Raises AwsCommandError when AWS would refuse it, or when it never comes due after `now`.
    """
    expression = " ".join(text.split())
    try:
        AwsCroniter(expression)
    except ValueError as error:
        reason = re.sub(r"\.(?=[A-Z])", "; ", str(error).rstrip("."))
        raise AwsCommandError(f"{text!r} is not a cron expression of AWS ({FIELDS}): {reason}") from error
    if next_due(expression, now) is None:
        raise AwsCommandError(f"{text!r} never comes due")
    return expression


def next_due(expression: str, after: datetime, time_zone: str = TIME_ZONE) -> datetime | None:
    """Return when an expression comes due next, in its time zone, or None for never.

    aws-croniter computes in UTC only: it is given the local time as if it were UTC.
    """
    zone = ZoneInfo(time_zone)
    local = after.astimezone(zone).replace(tzinfo=UTC)
    due: datetime | None = AwsCroniter(expression).get_next(local)[0]
    return None if due is None else due.replace(tzinfo=zone)


def daily_hours(start: str, stop: str, time_zone: str = TIME_ZONE) -> str | None:
    """Return two expressions as READMIT_EC2_HOURS, or None when they are not two times of every day."""
    fields = [expression.split(" ") for expression in (start, stop)]
    if any(rest != ["*", "*", "?", "*"] or not (minute + hour).isdecimal() for minute, hour, *rest in fields):
        return None
    return "{}-{} {}".format(*(f"{int(hour):02}:{int(minute):02}" for minute, hour, *_ in fields), time_zone)
