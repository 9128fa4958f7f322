"""When cron expressions of AWS come due, and the hours that two of them make."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from aws.aws_cron import START, STOP, TIME_ZONE, check_aws_cron, next_due, opening_hours
from aws.errors import AwsCommandError
from readmit import pipeline
from readmit.core.opening_hours import OpeningHours

NOON = datetime(2026, 11, 29, 17, 0, tzinfo=UTC)
"""Noon in Lima."""


def test_an_expression_comes_due_in_the_time_of_lima() -> None:
    start, stop = next_due(START, NOON), next_due(STOP, NOON)
    assert start is not None
    assert stop is not None
    assert start.astimezone(UTC) == datetime(2026, 11, 30, 13, 55, tzinfo=UTC)
    assert stop.astimezone(UTC) == datetime(2026, 11, 30, 4, 55, tzinfo=UTC)
    assert str(start.tzinfo) == TIME_ZONE


def test_the_time_zone_is_that_of_the_pipeline() -> None:
    assert TIME_ZONE == pipeline.TIME_ZONE


def test_an_expression_that_ends_before_now_never_comes_due() -> None:
    assert next_due("55 8 * * ? 2025", NOON) is None
    with pytest.raises(AwsCommandError, match="never comes due"):
        check_aws_cron("55 8 * * ? 2025", NOON)
    assert check_aws_cron("55 8 * * ? 2027", NOON) == "55 8 * * ? 2027"


@pytest.mark.parametrize("text", ["*/0 8 * * ? *", "0 25 * * ? *", "0 8 * 13 ? *", "0 8 ? * 8 *", "0 8 * * ? 1969"])
def test_a_field_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(AwsCommandError, match=r"is not a cron expression of AWS \(minute hour"):
        check_aws_cron(text, NOON)


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [
        (START, STOP, "08:55-23:55"),
        ("5 9 * * ? *", "0 18 ? * * *", "09:05-18:00"),
        ("55 8 ? * MON-FRI *", STOP, "MON,TUE,WED,THU,FRI 08:55-23:55"),
        ("55 8 ? * 2-6 *", "55 23 ? * MON-FRI *", "MON,TUE,WED,THU,FRI 08:55-23:55"),
        ("0 22 ? * SUN,WED *", "30 6 * * ? *", "WED,SUN 22:00-06:30"),
        ("0 8,9 * * ? *", "0 18 * * ? *", "08:00-18:00"),
        ("*/5 8 * * ? *", "7 8 * * ? *", "08:10-08:07"),
    ],
)
def test_schedules_of_one_period_on_the_same_days_of_every_week_are_hours(start: str, stop: str, expected: str) -> None:
    hours = opening_hours(start, stop, NOON)
    assert hours == f"{expected} {TIME_ZONE}"
    assert {opening_hours(start, stop, NOON + timedelta(hours=each / 2)) for each in range(48)} == {hours}
    assert str(OpeningHours.parse(hours)) == hours
    for moment in (NOON + timedelta(hours=offset) for offset in range(7 * 24, 14 * 24)):
        local = moment.astimezone(ZoneInfo(TIME_ZONE))
        included = OpeningHours.parse(hours).includes(local.weekday(), 60 * local.hour + local.minute)
        assert included is is_running(start, stop, moment), local


def is_running(start: str, stop: str, moment: datetime) -> bool:
    """Return whether the last call before a moment was one to start, counted from a week before."""
    calls = [(due, action) for action, cron in (("start", start), ("stop", stop)) for due in dues(cron, moment)]
    return max(calls)[1] == "start"


def dues(cron: str, end: datetime) -> Iterator[datetime]:
    due = next_due(cron, end - timedelta(days=7))
    while due is not None and due <= end:
        yield due
        due = next_due(cron, due)


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        ("55 8,20 * * ? *", "0 12,22 * * ? *"),
        ("55 8 1 * ? *", STOP),
        ("55 8 ? * MON *", "55 23 ? * FRI *"),
        ("55 8 ? JAN-JUN * *", STOP),
        ("55 8 ? * MON#1 *", STOP),
        (START, START),
        (START, "55 23 * * ? 2026"),
    ],
)
def test_other_schedules_are_no_hours(start: str, stop: str) -> None:
    assert opening_hours(start, stop, NOON) is None
