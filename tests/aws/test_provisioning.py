"""`aws::up` on moto's server; asserted by reading back."""

import ast
import json
from typing import Any

import boto3
import pytest

from aws.__main__ import main
from aws.clients import AwsClients
from aws.infrastructure import InfrastructureStack
from aws.lambda_package import SOURCE, build_package, code_sha256
from tests.aws.account import TOKEN, UP, remaining, schedules, tagged_instance
from tests.aws.moto_server import ACCOUNT, UBUNTU_AMI
from tests.aws.test_handler import run_instance, state_of

# What moto's CloudFormation lacks is checked as a document, in test_template.
pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS")


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


def test_up_creates_roles_with_the_policies_of_the_template_and_a_log_of_thirty_days(clients: AwsClients) -> None:
    assert main(UP) == 0
    resources = clients.cloudformation.list_stack_resources(StackName="readmit")["StackResourceSummaries"]
    ids = {item["LogicalResourceId"]: item["PhysicalResourceId"] for item in resources}
    start_and_stop, *_ = role_statements(ids["FunctionRole"], "start-and-stop")
    assert start_and_stop["Action"] == ["ec2:StartInstances", "ec2:StopInstances"]
    assert start_and_stop["Resource"] == f"arn:aws:ec2:us-east-1:{ACCOUNT}:instance/*"
    assert start_and_stop["Condition"] == {"StringEquals": {"aws:ResourceTag/readmit-source": "readmit"}}
    invoke, *_ = role_statements(ids["SchedulerRole"], "invoke")
    function = clients.functions.get_function_configuration(FunctionName="readmit-start-stop")
    assert (invoke["Action"], invoke["Resource"]) == ("lambda:InvokeFunction", function["FunctionArn"])
    (group,) = boto3.client("logs").describe_log_groups()["logGroups"]
    assert (group["logGroupName"], group["retentionInDays"]) == ("/aws/lambda/readmit-start-stop", 30)


def role_statements(role: str, policy: str) -> list[dict[str, Any]]:
    """Return the statements of a role's policy, which moto's CloudFormation stores as the text of a Python object."""
    document: Any = boto3.client("iam").get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    statements: list[dict[str, Any]] = ast.literal_eval(document)["Statement"]
    return statements


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
    assert [line for line in lines[1:7] if not line.startswith("unchanged: ")] == []
    assert (tagged_instance(clients)["InstanceId"], TOKEN.read_text(), schedules(clients)) == before


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
        f"account {ACCOUNT}, us-east-1",
        "would change: parameters: set ami, image, source_token",
        "unchanged: running instance",
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


@pytest.mark.parametrize("command", ["up", "status"])
def test_a_terminated_instance_is_reported_with_the_way_to_another(
    clients: AwsClients, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert main(UP) == 0
    clients.ec2.terminate_instances(InstanceIds=[tagged_instance(clients)["InstanceId"]])
    assert main([command]) == 1
    assert "was terminated: run just aws::down and then just aws::up" in capsys.readouterr().err


def test_a_stack_with_its_own_instance_adopts_no_other(clients: AwsClients, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(UP) == 0
    other = run_instance(clients.ec2, "Name=other")
    assert main(["up", "--instance", other]) == 1
    assert "stack readmit has an instance of its own" in capsys.readouterr().err
