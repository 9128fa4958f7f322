from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws

from readmit.core.errors import InstanceNotFound, SourceUnavailable
from readmit.io import ec2_instance
from readmit.io.ec2_instance import Ec2Access, InstanceSelection, describe, start

ACCESS = Ec2Access("us-east-1")
TAG = ("Name", "readmit-source")
UNKNOWN, IMAGE = "i-0123456789abcdef0", "ami-12c6146b"
"""An instance that does not exist, and one of moto's images."""


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        yield


@pytest.fixture
def launch() -> Callable[..., str]:
    """Return a function that runs an instance with TAG and returns its id."""

    def run(**options: object) -> str:
        ec2 = boto3.client("ec2", "us-east-1")
        tags = [{"ResourceType": "instance", "Tags": [{"Key": TAG[0], "Value": TAG[1]}]}]
        response = ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, TagSpecifications=tags, **options)
        return str(response["Instances"][0]["InstanceId"])

    return run


def test_the_state_is_read_by_id_or_tag_and_a_running_instance_has_an_address(launch: Callable[..., str]) -> None:
    instance_id = launch()
    for selection in (InstanceSelection(instance_id), InstanceSelection(None, TAG)):
        state = describe(selection, ACCESS)
        assert (state.instance_id, state.state) == (instance_id, "running")
        assert state.address is not None
    boto3.client("ec2", "us-east-1").stop_instances(InstanceIds=[instance_id])
    assert describe(InstanceSelection(instance_id), ACCESS) == ec2_instance.InstanceState(instance_id, "stopped", None)


def test_the_address_is_the_public_one_or_without_one_the_private_one(launch: Callable[..., str]) -> None:
    ec2 = boto3.client("ec2", "us-east-1")
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/24")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.7.0.0/24")["Subnet"]["SubnetId"]
    private = launch(SubnetId=subnet, PrivateIpAddress="10.7.0.10")
    assert describe(InstanceSelection(private), ACCESS).address == "10.7.0.10"
    public = launch()
    (instance,) = ec2.describe_instances(InstanceIds=[public])["Reservations"][0]["Instances"]
    assert describe(InstanceSelection(public), ACCESS).address == instance["PublicIpAddress"]


def test_a_stopped_instance_is_started_and_a_running_one_stays(launch: Callable[..., str]) -> None:
    instance_id = launch()
    boto3.client("ec2", "us-east-1").stop_instances(InstanceIds=[instance_id])
    for _ in range(2):
        start(instance_id, ACCESS)
        assert describe(InstanceSelection(instance_id), ACCESS).state == "running"


@pytest.mark.parametrize("instance_id", [UNKNOWN, "no-id"])
def test_an_unknown_instance_is_a_final_error_with_its_id(instance_id: str) -> None:
    with pytest.raises(InstanceNotFound, match=instance_id) as raised:
        describe(InstanceSelection(instance_id), ACCESS)
    assert raised.value.final


def test_a_tag_of_no_instance_or_of_several_is_a_final_error(launch: Callable[..., str]) -> None:
    selection = InstanceSelection(None, TAG)
    with pytest.raises(InstanceNotFound, match=r"one EC2 instance with the tag Name=readmit-source .* found: none"):
        describe(selection, ACCESS)
    first, second = launch(), launch()
    with pytest.raises(InstanceNotFound, match=f"found: ({first}, {second}|{second}, {first})"):
        describe(selection, ACCESS)
    boto3.client("ec2", "us-east-1").terminate_instances(InstanceIds=[first])
    assert describe(selection, ACCESS).instance_id == second, "a terminated one does not count"
    with pytest.raises(InstanceNotFound, match=f"found: {first} is terminated"):
        describe(InstanceSelection(first), ACCESS)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("RequestLimitExceeded", "EC2: .*RequestLimitExceeded.*[^S]$"),
        ("UnauthorizedOperation", "EC2: .*UnauthorizedOperation.*Check READMIT_EC2_CREDENTIALS$"),
        ("InsufficientInstanceCapacity", "EC2: .*InsufficientInstanceCapacity"),
    ],
)
def test_what_moto_never_answers_is_an_error_that_is_retried(
    code: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a Stubber: moto neither throttles, nor denies access by default, nor lacks capacity."""
    client = boto3.client("ec2", "us-east-1")
    with Stubber(client) as stub:
        stub.add_client_error("start_instances", code)
        monkeypatch.setattr(boto3.Session, "client", lambda *_, **__: client)
        with pytest.raises(SourceUnavailable, match=message) as raised:
            start(UNKNOWN, ACCESS)
    assert isinstance(raised.value.__cause__, ClientError)
    assert raised.value.final is False


def test_credentials_of_a_file_take_precedence_over_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.write_text("[default]\naws_access_key_id = from-the-file\naws_secret_access_key = hush\n")
    with ec2_instance._client(Ec2Access("us-east-1", credentials=file)) as client:
        credentials = client._request_signer._credentials
    assert credentials.access_key == "from-the-file"


def test_a_file_without_a_default_profile_is_reported_with_the_setting(tmp_path: Path) -> None:
    for text in ("", "[other]\naws_access_key_id = a\naws_secret_access_key = b\n"):
        (tmp_path / "credentials").write_text(text)
        with pytest.raises(SourceUnavailable, match=r"Check READMIT_EC2_CREDENTIALS$"):
            describe(InstanceSelection(UNKNOWN), Ec2Access("us-east-1", credentials=tmp_path / "credentials"))


def test_an_endpoint_in_place_of_awss_is_used() -> None:
    with ec2_instance._client(Ec2Access("us-east-1", "http://127.0.0.1:9")) as client:
        assert client.meta.endpoint_url == "http://127.0.0.1:9"
