"""`aws::up`, `aws::schedule`, `aws::status` and `aws::down` on moto's server; asserted by reading back."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from aws.__main__ import main
from aws.clients import AwsClients
from aws.errors import AwsCommandError, explain
from aws.infrastructure import InfrastructureStack
from aws.lambda_package import SOURCE, build_package, code_sha256
from tests.aws.moto_server import ACCOUNT, UBUNTU_AMI, MotoServer
from tests.aws.test_handler import run_instance, state_of

# What moto's CloudFormation lacks is checked as a document, in test_template.
pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS")

IMAGE = "registry.example/readmit-ec2-api:0.1.0"
UP = ("up", "--image", IMAGE)
TOKEN = Path("var/aws/readmit_source_token")


def tagged_instance(clients: AwsClients) -> dict[str, Any]:
    filters = [{"Name": "tag:readmit-source", "Values": ["readmit"]}]
    (reservation,) = clients.ec2.describe_instances(Filters=filters)["Reservations"]
    return dict(reservation["Instances"][0])


def schedules(clients: AwsClients) -> dict[str, dict[str, Any]]:
    names = [item["Name"] for item in clients.scheduler.list_schedules()["Schedules"]]
    found = {name: dict(clients.scheduler.get_schedule(Name=name)) for name in names}
    for schedule in found.values():
        del schedule["ResponseMetadata"]
    return found


def remaining(clients: AwsClients) -> list[object]:
    """Return everything of ours that exists in the account and on this machine."""
    stacks = [stack["StackName"] for stack in clients.cloudformation.describe_stacks()["Stacks"]]
    functions = [item["FunctionName"] for item in clients.functions.list_functions()["Functions"]]
    parameters = [
        item["Name"] for item in clients.ssm.get_parameters_by_path(Path="/readmit", Recursive=True)["Parameters"]
    ]
    instances = [
        item["InstanceId"]
        for reservation in clients.ec2.describe_instances()["Reservations"]
        for item in reservation["Instances"]
        if item["State"]["Name"] != "terminated"
    ]
    queues = clients.sqs.list_queues().get("QueueUrls", [])
    return [*stacks, *functions, *parameters, *instances, *queues, *schedules(clients), *Path("var").rglob("*_*")]


def test_up_creates_instance_function_and_schedules(clients: AwsClients) -> None:
    assert main(UP) == 0
    instance = tagged_instance(clients)
    assert (instance["InstanceType"], instance["ImageId"]) == ("t3.micro", UBUNTU_AMI)
    outputs = InfrastructureStack(clients.cloudformation, "readmit", {}).outputs()
    assert outputs["InstanceId"] == instance["InstanceId"]
    function = clients.functions.get_function_configuration(FunctionName=outputs["FunctionName"])
    assert (function["Runtime"], function["Handler"], function["Timeout"]) == ("python3.13", "handler.handler", 60)
    assert function["CodeSha256"] == code_sha256(build_package(SOURCE.read_bytes()))
    found = schedules(clients)
    assert set(found) == {"readmit-start", "readmit-stop"}
    for action, cron in (("start", "55 8 * * ? *"), ("stop", "55 23 * * ? *")):
        schedule = found[f"readmit-{action}"]
        assert schedule["ScheduleExpression"] == f"cron({cron})"
        assert schedule["ScheduleExpressionTimezone"] == "America/Lima"
        assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
        target = schedule["Target"]
        assert target["Arn"] == outputs["FunctionArn"]
        assert target["RoleArn"] == outputs["SchedulerRoleArn"]
        assert json.loads(target["Input"]) == {"action": action, "tag": "readmit-source=readmit"}
        assert target["RetryPolicy"] == {"MaximumRetryAttempts": 10, "MaximumEventAgeInSeconds": 3600}
        assert target["DeadLetterConfig"] == {"Arn": outputs["QueueArn"]}


def test_up_generates_a_token_that_only_its_owner_can_read(clients: AwsClients) -> None:
    assert main(UP) == 0
    stored = clients.ssm.get_parameter(Name="/readmit/readmit/source_token", WithDecryption=True)["Parameter"]
    assert stored["Type"] == "SecureString"
    assert TOKEN.read_text() == stored["Value"]
    assert len(stored["Value"]) >= 40
    assert TOKEN.stat().st_mode & 0o777 == 0o600


def test_a_second_up_changes_nothing(clients: AwsClients, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(UP) == 0
    before = tagged_instance(clients)["InstanceId"], TOKEN.read_text(), schedules(clients)
    capsys.readouterr()
    assert main(["up"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines[:5] if not line.startswith("unchanged: ")] == []
    assert (tagged_instance(clients)["InstanceId"], TOKEN.read_text(), schedules(clients)) == before


def test_up_prints_the_settings_of_the_pipeline(clients: AwsClients, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(UP) == 0
    assert capsys.readouterr().out.splitlines()[-4:] == [
        "READMIT_EC2_TAG=readmit-source=readmit",
        'READMIT_EC2_HOURS="08:55-23:55 America/Lima"',
        f"READMIT_SOURCE_TOKEN_FILE={TOKEN.absolute()}",
        "READMIT_SOURCE_URL=http://127.0.0.1:5001, through a tunnel (docs/aws.md)",
    ]
    assert clients.account == ACCOUNT


def test_up_repairs_what_differs_and_keeps_the_rest(clients: AwsClients) -> None:
    assert main(UP) == 0
    instance_id, token = tagged_instance(clients)["InstanceId"], TOKEN.read_text()
    assert main(["schedule", "0 7 ? * MON-FRI *", "0 20 ? * MON-FRI *"]) == 0
    clients.scheduler.delete_schedule(Name="readmit-stop")
    other = build_package(b"raise SystemExit\n")
    clients.functions.update_function_code(FunctionName="readmit-start-stop", ZipFile=other)
    TOKEN.unlink()
    assert main(["up"]) == 0
    expressions = {name: item["ScheduleExpression"] for name, item in schedules(clients).items()}
    assert expressions == {"readmit-start": "cron(0 7 ? * MON-FRI *)", "readmit-stop": "cron(55 23 * * ? *)"}
    function = clients.functions.get_function_configuration(FunctionName="readmit-start-stop")
    assert function["CodeSha256"] == code_sha256(build_package(SOURCE.read_bytes()))
    assert (tagged_instance(clients)["InstanceId"], TOKEN.read_text()) == (instance_id, token)


def test_a_dry_run_of_up_lists_everything_and_creates_nothing(
    clients: AwsClients, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*UP, "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "would change: parameters: set ami, image, source_token",
        "would change: stack readmit: create",
        "would change: function code: upload",
        "would change: schedules: start at 55 8 * * ? *, stop at 55 23 * * ? *, in America/Lima",
        "would change: files var/aws/readmit_*: write source_token",
    ]
    assert remaining(clients) == []


@pytest.mark.usefixtures("moto")
def test_the_first_up_needs_an_image(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["up"]) == 1
    assert "--image: which image of the data API" in capsys.readouterr().err


@pytest.mark.parametrize("network", ["0.0.0.0/0", "0.0.0.0/1", "10.0.0.0/8", "203.0.0.0/16", "198.51.100.0/23"])
def test_up_never_opens_the_port_to_the_world(
    clients: AwsClients, capsys: pytest.CaptureFixture[str], network: str
) -> None:
    assert main([*UP, "--allow", network]) == 1
    assert "addresses, and port 5001 serves patient data: allow at most 256" in capsys.readouterr().err
    assert remaining(clients) == []


@pytest.mark.usefixtures("moto")
@pytest.mark.parametrize("network", ["::/0", "everybody", "203.0.113.7/24"])
def test_up_refuses_what_is_no_ipv4_network(capsys: pytest.CaptureFixture[str], network: str) -> None:
    assert main([*UP, "--allow", network]) == 1
    assert "is not an IPv4 network, such as 203.0.113.7/32" in capsys.readouterr().err


def test_up_opens_the_port_to_one_network_only_with_a_certificate(
    clients: AwsClients, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main([*UP, "--allow", "203.0.113.7/32"]) == 1
    assert (
        "patient data do not travel over plain HTTP: add --certificate FILE and --key FILE" in capsys.readouterr().err
    )
    assert remaining(clients) == []
    for name in ("certificate", "key"):
        (tmp_path / name).write_text(f"-----BEGIN {name}-----")
    files = ("--certificate", str(tmp_path / "certificate"), "--key", str(tmp_path / "key"))
    assert main([*UP, "--allow", "203.0.113.7/32", *files]) == 0
    assert ingress(clients) == [(5001, 5001, ["203.0.113.7/32"])]
    key = clients.ssm.get_parameter(Name="/readmit/readmit/tls_key", WithDecryption=True)["Parameter"]
    assert (key["Type"], key["Value"]) == ("SecureString", "-----BEGIN key-----")
    certificate = Path("var/aws/readmit_tls_certificate").absolute()
    assert certificate.read_text() == "-----BEGIN certificate-----"
    assert capsys.readouterr().out.endswith(f"READMIT_SOURCE_CA={certificate}\n")
    assert main(["up"]) == 0
    assert ingress(clients) == []


def ingress(clients: AwsClients) -> list[tuple[int, int, list[str]]]:
    groups = clients.cloudformation.list_stack_resources(StackName="readmit")["StackResourceSummaries"]
    (group,) = [item["PhysicalResourceId"] for item in groups if item["ResourceType"] == "AWS::EC2::SecurityGroup"]
    (found,) = clients.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    return [
        (rule["FromPort"], rule["ToPort"], [item["CidrIp"] for item in rule["IpRanges"]])
        for rule in found["IpPermissions"]
    ]


def test_without_a_network_no_port_is_open(clients: AwsClients) -> None:
    assert main(UP) == 0
    assert ingress(clients) == []


@pytest.mark.usefixtures("moto")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--name", "Read mit"), "--name: 'Read mit' is not a name of lower-case letters, digits and hyphens"),
        (("--certificate", "a.pem"), "--certificate, --key: one needs the other"),
        (("--certificate", "a.pem", "--key", "b.pem"), "--certificate: a.pem: "),
        (("--instance", "i-1", "--image", IMAGE), "--instance: an existing instance keeps its own image"),
    ],
)
def test_an_invalid_option_is_named(capsys: pytest.CaptureFixture[str], options: Sequence[str], message: str) -> None:
    assert main(["up", *options]) == 1
    assert message in capsys.readouterr().err


def test_an_existing_instance_is_adopted_and_survives_down(
    clients: AwsClients, capsys: pytest.CaptureFixture[str]
) -> None:
    instance_id = run_instance(clients.ec2, "Name=mine")
    for options in ([], ["--instance", "i-0123456789abcdef0"]):
        assert main(["up", *options]) == 1
    assert "--instance: this region has no instance i-0123456789abcdef0" in capsys.readouterr().err
    assert main(["up", "--instance", instance_id]) == 0
    assert main(["up"]) == 0
    assert tagged_instance(clients)["InstanceId"] == instance_id
    assert set(schedules(clients)) == {"readmit-start", "readmit-stop"}
    assert main(["down", "--yes"]) == 0
    assert state_of(clients.ec2, instance_id) == "running"
    (instance,) = clients.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"]
    assert instance["Tags"] == [{"Key": "Name", "Value": "mine"}]
    assert remaining(clients) == [instance_id]


def test_a_stack_with_its_own_instance_adopts_no_other(clients: AwsClients, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(UP) == 0
    other = run_instance(clients.ec2, "Name=other")
    assert main(["up", "--instance", other]) == 1
    assert "stack readmit has an instance of its own" in capsys.readouterr().err


def test_schedule_changes_both_and_nothing_else(clients: AwsClients, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(UP) == 0
    before = schedules(clients)
    assert main(["schedule", "0 9 * * ? *", "30 18 * * ? *", "--dry-run"]) == 0
    assert schedules(clients) == before
    assert main(["schedule", "0  9 * * ? *", "30 18 * * ? *"]) == 0
    assert 'READMIT_EC2_HOURS="09:00-18:30 America/Lima"' in capsys.readouterr().out
    after = schedules(clients)
    assert after["readmit-start"]["ScheduleExpression"] == "cron(0 9 * * ? *)"
    assert after["readmit-stop"]["ScheduleExpression"] == "cron(30 18 * * ? *)"
    assert [item["Target"] for item in after.values()] == [item["Target"] for item in before.values()]
    assert main(["schedule", "0 9 * * ? *", "30 18 * * ? *"]) == 0
    assert "unchanged: schedules" in capsys.readouterr().out


@pytest.mark.parametrize(
    "crons",
    [
        ("55 8 * * *", "55 23 * * ? *"),
        ("55 8 * * * *", "55 23 * * ? *"),
        ("55 8 * * ? *", "55 24 * * ? *"),
        ("55 8 * * ? *", "rate(1 day)"),
        ("55 8 * * ? *", ""),
        ("55 8 30 2 ? *", "55 23 * * ? *"),
        ("55 8 * * ? 2024", "55 23 * * ? *"),
    ],
    ids=str,
)
def test_a_bad_cron_expression_is_refused_before_aws_sees_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], crons: tuple[str, str]
) -> None:
    # Nothing listens there: a request would be another error.
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert main(["schedule", *crons]) == 1
    error = capsys.readouterr().err
    assert "is not a cron expression of AWS (minute hour" in error or "never comes due" in error


@pytest.mark.usefixtures("moto")
@pytest.mark.parametrize("command", [["schedule", "55 8 * * ? *", "55 23 * * ? *"], ["status"]], ids=str)
def test_what_needs_the_stack_says_how_to_create_it(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command) == 1
    assert capsys.readouterr().err == "there is no stack readmit in us-east-1: just aws::up creates it\n"


def test_down_leaves_nothing_and_a_second_one_finds_nothing(
    clients: AwsClients, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(UP) == 0
    assert len(remaining(clients)) == 10
    assert main(["down", "--yes"]) == 0
    assert remaining(clients) == []
    capsys.readouterr()
    assert main(["down"]) == 0
    assert capsys.readouterr().out == "There is nothing to remove: no stack readmit in us-east-1.\n"


def test_down_deletes_nothing_without_a_confirmation_or_in_a_dry_run(
    clients: AwsClients, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(UP) == 0
    before = remaining(clients)
    assert main(["down", "--dry-run"]) == 0
    listed = capsys.readouterr().out.splitlines()[-4:]
    assert [line.partition(": ")[0] for line in listed] == ["would delete"] * 4
    assert main(["down"]) == 1
    assert "nothing was removed: the deletion was not confirmed" in capsys.readouterr().err
    assert remaining(clients) == before


@pytest.mark.parametrize(("typed", "code"), [("readmit", 0), ("yes", 1)])
def test_down_asks_for_the_name_on_a_terminal(clients: AwsClients, moto: MotoServer, typed: str, code: int) -> None:
    assert main(UP) == 0
    assert run_on_terminal([sys.executable, "-m", "aws", "down"], typed, moto.environment) == code
    assert (remaining(clients) == []) == (code == 0)


def run_on_terminal(command: Sequence[str], typed: str, environment: Mapping[str, str]) -> int:
    terminal, child = pty.openpty()
    os.write(terminal, f"{typed}\n".encode())
    try:
        path = str(Path(__file__).parents[2])
        result = subprocess.run(
            command,
            stdin=child,
            env={**os.environ, **environment, "PYTHONPATH": path},
            check=False,
            capture_output=True,
        )
    finally:
        os.close(child)
        os.close(terminal)
    return result.returncode


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({}, "no usable AWS credentials"),
        ({"AWS_PROFILE": "missing"}, "no usable AWS credentials (The config profile (missing) could not be found)"),
        ({"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}, "AWS can't be reached: "),
    ],
    ids=["none", "profile", "offline"],
)
def test_without_credentials_or_network_one_sentence_explains_it(
    moto: MotoServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    variables: Mapping[str, str],
    message: str,
) -> None:
    for name in moto.environment:
        monkeypatch.delenv(name)
    files = {"AWS_CONFIG_FILE": str(tmp_path / "none"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none")}
    offline = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    for name, value in {**files, **offline, **variables}.items():
        monkeypatch.setenv(name, value)
    assert main(UP) == 1
    output = capsys.readouterr()
    assert message in output.err
    assert len(output.err.splitlines()) == 1
    assert output.out == ""


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ExpiredToken", "AWS rejects these credentials (ExpiredToken): run aws configure or aws sso login"),
        ("AccessDenied", "these credentials are not allowed to do this (GetCallerIdentity): "),
        ("InternalFailure", "AWS refused GetCallerIdentity (InternalFailure): "),
    ],
)
def test_an_error_of_aws_is_one_sentence(code: str, message: str) -> None:
    error = ClientError({"Error": {"Code": code, "Message": "why"}}, "GetCallerIdentity")
    assert explain(error).startswith(message)


def stubbed_stack(clients: AwsClients, status: str) -> tuple[InfrastructureStack, Stubber]:
    """Return a stack in a state that moto's never has."""
    stubber = Stubber(clients.cloudformation)
    stack = {"StackName": "readmit", "StackStatus": status, "CreationTime": datetime.now(UTC)}
    stubber.add_response("describe_stacks", {"Stacks": [stack]})
    stubber.activate()
    return InfrastructureStack(clients.cloudformation, "readmit", {}), stubber


def test_a_stack_that_is_being_changed_is_left_alone_by_stubber(clients: AwsClients) -> None:
    stack, _ = stubbed_stack(clients, "UPDATE_IN_PROGRESS")
    with pytest.raises(AwsCommandError, match=r"is being changed \(UPDATE_IN_PROGRESS\): try again in a few minutes"):
        stack.difference()


def test_a_stack_whose_creation_failed_is_created_again_by_stubber(clients: AwsClients) -> None:
    stack, _ = stubbed_stack(clients, "ROLLBACK_COMPLETE")
    assert stack.difference() == "delete and create again (ROLLBACK_COMPLETE)"


def test_a_failed_creation_names_the_resources_and_the_reasons_by_stubber(clients: AwsClients) -> None:
    stubber, now = Stubber(clients.cloudformation), datetime.now(UTC)
    stubber.add_client_error("describe_stacks", "ValidationError", "Stack with id readmit does not exist")
    stubber.add_response("create_stack", {"StackId": "readmit"})
    failed = {"StackName": "readmit", "StackStatus": "ROLLBACK_COMPLETE", "CreationTime": now}
    stubber.add_response("describe_stacks", {"Stacks": [failed]})
    reasons = {"Instance": "You have exceeded your quota", "Function": "Resource creation cancelled"}
    events = [
        {
            **{"StackId": "readmit", "EventId": name, "StackName": "readmit", "Timestamp": now},
            **{"LogicalResourceId": name, "ResourceStatus": "CREATE_FAILED", "ResourceStatusReason": reason},
        }
        for name, reason in reasons.items()
    ]
    stubber.add_response("describe_stack_events", {"StackEvents": events})
    with stubber, pytest.raises(AwsCommandError, match="^stack readmit: Instance: You have exceeded your quota$"):
        InfrastructureStack(clients.cloudformation, "readmit", {}).apply()


def test_a_change_of_the_template_that_changes_no_resource_is_no_error_by_stubber(clients: AwsClients) -> None:
    stack, stubber = stubbed_stack(clients, "CREATE_COMPLETE")
    stubber.add_client_error("update_stack", "ValidationError", "No updates are to be performed.")
    stack.apply()
    stubber.assert_no_pending_responses()


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
