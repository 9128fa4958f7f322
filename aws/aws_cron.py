"""Cron expressions of EventBridge Scheduler, checked before AWS sees them, and when they come due."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from aws_croniter import AwsCroniter

from aws.errors import AwsCommandError

TIME_ZONE = "America/Lima"
START = "55 8 * * ? *"
STOP = "55 23 * * ? *"
WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
DAY, WEEKS = timedelta(days=1), 52
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


def check_schedules(start: str, stop: str, now: datetime) -> dict[str, str]:
    """Return the checked expressions by action. Raises AwsCommandError also when both come due at the same time."""
    crons = {"start": check_aws_cron(start, now), "stop": check_aws_cron(stop, now)}
    due = {action: next_due(cron, now) for action, cron in crons.items()}
    if due["start"] == due["stop"]:
        raise AwsCommandError(f"{start!r} and {stop!r} come due at the same time: which comes first is not defined")
    return crons


def next_due(expression: str, after: datetime, time_zone: str = TIME_ZONE) -> datetime | None:
    """Return when an expression comes due next, in its time zone, or None for never.

    aws-croniter computes in UTC only: it is given the local time as if it were UTC.
    """
    zone = ZoneInfo(time_zone)
    local = after.astimezone(zone).replace(tzinfo=UTC)
    due: datetime | None = AwsCroniter(expression).get_next(local)[0]
    return None if due is None else due.replace(tzinfo=zone)


def opening_hours(start: str, stop: str, now: datetime) -> str | None:
    """Return when the instance runs by two expressions, as READMIT_EC2_HOURS: `MON,FRI 08:55-23:55 America/Lima`.

    None when that is not one period on the same days of every week, for a year from `now`.
    """
    runs = list(_runs(start, stop, now))
    periods = {f"{began:%H:%M}-{ended:%H:%M}" for began, ended in runs}
    days = {began.weekday() for began, _ in runs}
    is_weekly = len(runs) == len(days) * WEEKS and all(ended - began < DAY for began, ended in runs)
    if len(periods) != 1 or not is_weekly:
        return None
    names = f"{','.join(WEEKDAYS[day] for day in sorted(days))} " if len(days) < len(WEEKDAYS) else ""
    return f"{names}{periods.pop()} {TIME_ZONE}"


def _runs(start: str, stop: str, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield when the instance starts and stops, for a year from a stop. One that runs is not started again."""
    stopped = first = next_due(stop, now)
    while first is not None and stopped is not None and (began := next_due(start, stopped)) is not None:
        if began >= first + timedelta(weeks=WEEKS):
            return
        if (stopped := next_due(stop, began)) is not None:
            yield began, stopped
