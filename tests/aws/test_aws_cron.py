"""When cron expressions of AWS come due, and the hours that two of them make."""

from datetime import UTC, datetime

import pytest

from aws.aws_cron import START, STOP, TIME_ZONE, check_aws_cron, daily_hours, next_due
from aws.errors import AwsCommandError
from readmit import pipeline

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


def test_two_times_of_every_day_are_hours() -> None:
    assert daily_hours(START, STOP) == "08:55-23:55 America/Lima"
    assert daily_hours("5 9 * * ? *", "0 18 * * ? *") == "09:05-18:00 America/Lima"


@pytest.mark.parametrize("start", ["55 8 ? * MON-FRI *", "*/5 8 * * ? *", "55 8,20 * * ? *", "55 8 1 * ? *"])
def test_other_expressions_are_no_hours(start: str) -> None:
    assert daily_hours(start, STOP) is None
