"""What the instance costs: hours of running, from CloudWatch, times the price list."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

HOURLY_USD = {"t3.micro": 0.0104, "t3.small": 0.0208, "t3.medium": 0.0416}
"""On-demand price of an hour under Linux in us-east-1; aws.amazon.com/ec2/pricing/on-demand."""
ADDRESS_HOURLY_USD = 0.005
"""Price of an hour of a public IPv4 address; an instance has one only while it runs. aws.amazon.com/vpc/pricing."""
DISK_MONTHLY_USD = 0.08
"""Price of a GB of gp3 for a month, also while the instance is stopped. aws.amazon.com/ebs/pricing."""
PERIOD_SECONDS = 300
"""A running instance writes one value of CPUUtilization in this time; a stopped one writes none."""


@dataclass(frozen=True, slots=True)
class RunningCost:
    """Cost of some time, in USD."""

    instance: float
    disk: float

    @property
    def total(self) -> float:
        """Cost of the instance with its address, and of its disk."""
        return self.instance + self.disk


def running_hours(cloudwatch: "CloudWatchClient", instance_id: str, start: datetime, end: datetime) -> float:
    """Return the hours that an instance ran, to five minutes."""
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=[
            {
                "Id": "running",
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/EC2",
                        "MetricName": "CPUUtilization",
                        "Dimensions": [{"Name": "InstanceId", "Value": instance_id}],
                    },
                    "Period": PERIOD_SECONDS,
                    "Stat": "Average",
                },
            }
        ],
        StartTime=start,
        EndTime=end,
    )
    values = sum(len(result["Values"]) for page in pages for result in page["MetricDataResults"])
    return values * PERIOD_SECONDS / 3600


def start_of_month(now: datetime) -> datetime:
    """Return the first moment of the month of `now`."""
    return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def cost_of(hours: float, instance_type: str, disk_gb: float, months: float) -> RunningCost | None:
    """Return the cost in us-east-1, or None for a type without a listed price. `months`: in which the disk existed."""
    if instance_type not in HOURLY_USD:
        return None
    instance = hours * (HOURLY_USD[instance_type] + ADDRESS_HOURLY_USD)
    return RunningCost(instance, disk_gb * DISK_MONTHLY_USD * months)


def month_share(since: datetime, now: datetime) -> float:
    """Return the share of the current month that has passed since its start, or since a later moment."""
    start = max(start_of_month(now), since)
    return (now - start).total_seconds() / (monthrange(now.year, now.month)[1] * 86_400)
