"""A simulated clock runs a week of the schedules: seven times fifteen hours, wherever clocks change."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from aws.__main__ import main
from aws.aws_cron import next_due
from aws.clients import AwsClients
from aws.handler import handler
from aws.running_cost import cost_of
from tests.aws.account import UP, tagged_instance
from tests.aws.test_handler import state_of

pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS")

LIMA = ZoneInfo("America/Lima")
MONDAY = datetime(2026, 10, 26, tzinfo=LIMA)
"""The week in which the clocks of New York, where AWS's region is, go back."""


def calls(clients: AwsClients, begin: datetime, end: datetime) -> list[tuple[datetime, str]]:
    """Return when EventBridge Scheduler calls the function, and with which input, as the schedules in AWS say."""
    return sorted(due for name in ("start", "stop") for due in _due(clients, f"readmit-{name}", begin, end))


def _due(clients: AwsClients, name: str, begin: datetime, end: datetime) -> Iterator[tuple[datetime, str]]:
    schedule = clients.scheduler.get_schedule(Name=name)
    expression = schedule["ScheduleExpression"].removeprefix("cron(").removesuffix(")")
    # Just before, as the first moment counts.
    time: datetime | None = begin - timedelta(seconds=1)
    while time and (time := next_due(expression, time, schedule["ScheduleExpressionTimezone"])) and time < end:
        yield time.astimezone(UTC), schedule["Target"]["Input"]


def test_a_week_is_seven_times_fifteen_hours_and_costs_less_than_two_dollars(clients: AwsClients) -> None:
    new_york = ZoneInfo("America/New_York")
    assert MONDAY.astimezone(new_york).utcoffset() != (MONDAY + timedelta(days=7)).astimezone(new_york).utcoffset()
    assert main(UP) == 0
    instance_id = tagged_instance(clients)["InstanceId"]
    clients.ec2.stop_instances(InstanceIds=[instance_id])
    started, running = None, []
    for now, event in calls(clients, MONDAY, MONDAY + timedelta(days=7)):
        result = handler(json.loads(event))
        assert result["instance_id"] == instance_id
        if result["outcome"] == "started":
            assert state_of(clients.ec2, instance_id) == "running"
            started = now
        else:
            assert (result["outcome"], state_of(clients.ec2, instance_id)) == ("stopped", "stopped")
            assert started is not None
            running.append((now - started) / timedelta(hours=1))
    assert running == [15.0] * 7
    cost = cost_of(sum(running), "t3.micro", disk_gb=8, months=7 / 31)
    assert cost is not None
    assert cost.instance == pytest.approx(105 * 0.0154)
    assert round(cost.total, 2) == 1.76
