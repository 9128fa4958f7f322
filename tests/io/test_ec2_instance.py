import boto3
import pytest
from moto import mock_aws

from readmit.core.errors import SourceUnavailable
from readmit.io.ec2_instance import require_running


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def test_an_instance_that_is_not_running_is_reported() -> None:
    with mock_aws():
        ec2 = boto3.client("ec2")
        response = ec2.run_instances(ImageId=ec2.describe_images()["Images"][0]["ImageId"], MinCount=1, MaxCount=1)
        instance_id = response["Instances"][0]["InstanceId"]
        require_running(instance_id)
        ec2.stop_instances(InstanceIds=[instance_id])
        with pytest.raises(SourceUnavailable, match=f"{instance_id} is stopped, not running"):
            require_running(instance_id)


def test_an_unknown_instance_is_named() -> None:
    with mock_aws(), pytest.raises(SourceUnavailable, match="i-0123456789abcdef0"):
        require_running("i-0123456789abcdef0")
