"""The clients of boto3 that the recipes use."""

from functools import cached_property
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient

DEFAULT_REGION = "us-east-1"
CONFIG = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 4})


class AwsClients:
    """One client per service, in one account and region. Each is created when it is used: that takes a while."""

    def __init__(self, session: boto3.Session) -> None:
        self._session = session

    @property
    def region(self) -> str:
        """The region of all clients."""
        return str(self._session.region_name)

    @cached_property
    def account(self) -> str:
        """The number of the account, which only valid credentials can read."""
        return str(self._session.client("sts", config=CONFIG).get_caller_identity()["Account"])

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        """The stack."""
        return self._session.client("cloudformation", config=CONFIG)

    @cached_property
    def cloudwatch(self) -> "CloudWatchClient":
        """The hours of running."""
        return self._session.client("cloudwatch", config=CONFIG)

    @cached_property
    def ec2(self) -> "EC2Client":
        """The instance."""
        return self._session.client("ec2", config=CONFIG)

    @cached_property
    def functions(self) -> "LambdaClient":
        """The function that starts and stops the instance."""
        return self._session.client("lambda", config=CONFIG)

    @cached_property
    def scheduler(self) -> "EventBridgeSchedulerClient":
        """The two schedules."""
        return self._session.client("scheduler", config=CONFIG)

    @cached_property
    def sqs(self) -> "SQSClient":
        """The dead-letter queue."""
        return self._session.client("sqs", config=CONFIG)

    @cached_property
    def ssm(self) -> "SSMClient":
        """Parameter Store."""
        return self._session.client("ssm", config=CONFIG)


def connect() -> AwsClients:
    """Return the clients for the credentials of the environment. Raises an error of botocore without valid ones."""
    clients = AwsClients(boto3.Session(region_name=boto3.Session().region_name or DEFAULT_REGION))
    # One request shows that the credentials are valid, before anything else is done.
    _ = clients.account
    return clients
