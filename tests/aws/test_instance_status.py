"""`aws::status` on moto's server."""

from datetime import UTC, datetime, timedelta

import pytest

from aws.__main__ import main
from aws.clients import AwsClients
from aws.infrastructure import InfrastructureStack
from tests.aws.account import UP, tagged_instance
from tests.aws.moto_server import ACCOUNT

# What moto's CloudFormation lacks is checked as a document, in test_template.
pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS")


def test_status_shows_instance_schedule_hours_cost_and_failures(
    clients: AwsClients, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(UP) == 0
    instance = tagged_instance(clients)
    now = datetime.now(UTC)
    hour = now.replace(minute=0, second=0, microsecond=0)
    # Twelve values are an hour; moto's instances write none.
    times = [
        hour - timedelta(minutes=5 * count) for count in range(12) if hour - timedelta(minutes=60) >= start_of(now)
    ]
    for time in times:
        clients.cloudwatch.put_metric_data(
            Namespace="AWS/EC2",
            MetricData=[
                {
                    "MetricName": "CPUUtilization",
                    "Dimensions": [{"Name": "InstanceId", "Value": instance["InstanceId"]}],
                    "Timestamp": time,
                    "Value": 3.0,
                }
            ],
        )
    outputs = InfrastructureStack(clients.cloudformation, "readmit", {}).outputs()
    clients.sqs.send_message(QueueUrl=outputs["QueueUrl"], MessageBody="{}")
    capsys.readouterr()
    assert main(["status"]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.replace("next ", "next_").splitlines())
    assert lines["account"] == f"{ACCOUNT}, us-east-1"
    assert lines["instance"] == f"{instance['InstanceId']} (t3.micro), running"
    assert lines["address"] == f"{instance['PublicDnsName']}, port 5001 (changes at each start)"
    assert lines["next_start"].endswith(" 08:55 America/Lima")
    assert lines["next_stop"].endswith(" 23:55 America/Lima")
    assert lines[f"{now:%B}"].startswith(f"{len(times) / 12:.1f} h of running, about 0.0")
    assert lines["failures"].startswith("1 starts or stops failed for good: see http")


def start_of(now: datetime) -> datetime:
    return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
