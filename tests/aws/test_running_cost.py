"""Hours of running and their price."""

from datetime import UTC, datetime, timedelta

import pytest

from aws.clients import AwsClients
from aws.running_cost import cost_of, month_share, running_hours, start_of_month

NOW = datetime(2026, 11, 16, tzinfo=UTC)
INSTANCE = "i-0123456789abcdef0"


def put_values(clients: AwsClients, instance_id: str, times: list[datetime]) -> None:
    for time in times:
        metric = {"MetricName": "CPUUtilization", "Timestamp": time, "Value": 0.0}
        dimensions = [{"Name": "InstanceId", "Value": instance_id}]
        clients.cloudwatch.put_metric_data(Namespace="AWS/EC2", MetricData=[{**metric, "Dimensions": dimensions}])


def test_hours_are_counted_from_the_values_that_a_running_instance_writes(clients: AwsClients) -> None:
    """moto's instances write none: these are those of an instance that ran from 9:00 to 10:30."""
    began = NOW.replace(hour=9)
    put_values(clients, INSTANCE, [began + timedelta(minutes=5 * count) for count in range(18)])
    put_values(clients, "i-00000000000000001", [began])
    put_values(clients, INSTANCE, [began - timedelta(days=1)])
    assert running_hours(clients.cloudwatch, INSTANCE, NOW, NOW + timedelta(days=1)) == 1.5


def test_the_cost_is_hours_with_an_address_and_a_disk_that_costs_always() -> None:
    cost = cost_of(450, "t3.micro", disk_gb=8, months=0.5)
    assert cost is not None
    assert cost.instance == pytest.approx(450 * (0.0104 + 0.005))
    assert cost.disk == pytest.approx(8 * 0.08 / 2)
    assert cost.total == pytest.approx(7.25)


def test_a_type_without_a_listed_price_has_no_cost() -> None:
    assert cost_of(1, "x9.metal", 8, 1) is None


def test_a_disk_counts_from_its_creation_within_the_month() -> None:
    assert start_of_month(NOW) == datetime(2026, 11, 1, tzinfo=UTC)
    assert month_share(datetime(2026, 1, 1, tzinfo=UTC), NOW) == 0.5
    assert month_share(datetime(2026, 11, 13, tzinfo=UTC), NOW) == pytest.approx(0.1)
