"""The template and its policies, checked as documents: what moto's CloudFormation does not do."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from cfnlint.api import lint_file

from aws import handler
from aws.infrastructure import TAG, TEMPLATE
from aws.instance_status import PORT
from aws.source_parameters import UBUNTU

FOLDER = TEMPLATE.parent


class CloudFormationLoader(yaml.SafeLoader):
    """Reads !Sub x as {"Sub": x}."""


def _tagged(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {suffix: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {suffix: loader.construct_sequence(node, deep=True)}
    raise AssertionError(f"unexpected node {node}")


CloudFormationLoader.add_multi_constructor("!", _tagged)
DOCUMENT: dict[str, Any] = yaml.load(TEMPLATE.read_text(), CloudFormationLoader)
RESOURCES: dict[str, Any] = DOCUMENT["Resources"]
ACCOUNT_ARN = "arn:${AWS::Partition}:%s:${AWS::Region}:${AWS::AccountId}:"


def properties(name: str) -> dict[str, Any]:
    found: dict[str, Any] = RESOURCES[name]["Properties"]
    return found


def statements(role: str) -> list[dict[str, Any]]:
    policies = properties(role)["Policies"]
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def permissions(role: str) -> dict[str, tuple[Any, Any]]:
    """Return the resource and the condition of each action that a role is allowed."""
    allowed = {}
    for statement in statements(role):
        assert statement["Effect"] == "Allow"
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        for action in actions:
            assert action not in allowed
            allowed[action] = statement["Resource"], statement.get("Condition")
    return allowed


def test_cfn_lint_finds_nothing() -> None:
    assert [str(match) for match in lint_file(TEMPLATE)] == []


def test_the_function_may_start_and_stop_the_instance_with_the_tag_and_nothing_else() -> None:
    instances = {"Sub": ACCOUNT_ARN % "ec2" + "instance/*"}
    tagged = {"StringEquals": {f"aws:ResourceTag/{TAG}": {"Ref": "AWS::StackName"}}}
    assert permissions("FunctionRole") == {
        "ec2:StartInstances": (instances, tagged),
        "ec2:StopInstances": (instances, tagged),
        # The exception: AWS offers no narrower permission to read the state of an instance.
        "ec2:DescribeInstances": ("*", None),
        "logs:CreateLogStream": ({"GetAtt": "FunctionLog.Arn"}, None),
        "logs:PutLogEvents": ({"GetAtt": "FunctionLog.Arn"}, None),
        "sqs:SendMessage": ({"GetAtt": "DeadLetters.Arn"}, None),
    }


def test_the_scheduler_may_call_the_function_and_nothing_else() -> None:
    assert permissions("SchedulerRole") == {
        "lambda:InvokeFunction": ({"GetAtt": "Function.Arn"}, None),
        "sqs:SendMessage": ({"GetAtt": "DeadLetters.Arn"}, None),
    }


def test_the_instance_may_open_tunnels_and_read_its_parameters_and_nothing_else() -> None:
    tunnels = (
        ("UpdateInstanceInformation",),
        (*("CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel"),),
    )
    names = [
        f"{service}:{name}" for service, group in zip(("ssm", "ssmmessages"), tunnels, strict=True) for name in group
    ]
    own = ACCOUNT_ARN % "ssm" + "parameter/readmit/${AWS::StackName}"
    assert permissions("InstanceRole") == {
        # AWS offers no narrower resource for Session Manager.
        **dict.fromkeys(names, ("*", None)),
        "ssm:GetParametersByPath": ([{"Sub": f"{own}{end}"} for end in ("", "/*")], None),
    }


@pytest.mark.parametrize(
    ("role", "service"),
    [("FunctionRole", "lambda"), ("SchedulerRole", "scheduler"), ("InstanceRole", "ec2")],
)
def test_a_role_is_taken_by_its_service_alone(role: str, service: str) -> None:
    (statement,) = properties(role)["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": f"{service}.amazonaws.com"}
    assert statement["Action"] == "sts:AssumeRole"
    assert "ManagedPolicyArns" not in properties(role)


def test_no_resource_has_a_policy_besides_the_roles() -> None:
    assert {
        item["Type"] for item in RESOURCES.values() if "Policy" in item["Type"] or "Permission" in item["Type"]
    } == set()


def test_the_function_has_more_time_than_its_requests_take() -> None:
    function = properties("Function")
    slowest = 2 * handler.MAX_ATTEMPTS * (handler.CONNECT_SECONDS + handler.READ_SECONDS)
    # A second before each repetition, and the start of Python.
    assert slowest + 10 <= function["Timeout"]
    assert (function["Runtime"], function["Handler"]) == ("python3.13", "handler.handler")
    assert function["LoggingConfig"] == {"LogFormat": "JSON", "LogGroup": {"Ref": "FunctionLog"}}


def test_until_its_code_is_uploaded_no_call_succeeds() -> None:
    module, _, _ = properties("Function")["Handler"].partition(".")
    # Inline code is that of index.py.
    assert module != "index"
    assert compile(properties("Function")["Code"]["ZipFile"], "index.py", "exec").co_names == ()


def test_a_failed_call_is_repeated_twice_and_then_kept_for_two_weeks() -> None:
    retries = properties("FunctionRetries")
    assert retries["MaximumRetryAttempts"] == 2
    assert retries["DestinationConfig"] == {"OnFailure": {"Destination": {"GetAtt": "DeadLetters.Arn"}}}
    assert properties("DeadLetters")["MessageRetentionPeriod"] == 14 * 86_400
    assert properties("FunctionLog")["RetentionInDays"] == 30


def test_the_instance_is_a_small_encrypted_one_whose_metadata_no_container_can_read() -> None:
    instance = properties("Instance")
    assert instance["InstanceType"] == "t3.micro"
    assert DOCUMENT["Parameters"]["Ami"]["Default"] == UBUNTU
    assert instance["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
    assert instance["CreditSpecification"] == {"CPUCredits": "standard"}, "unlimited credits would be billed"
    (device,) = instance["BlockDeviceMappings"]
    assert device["Ebs"]["Encrypted"] is True
    assert device["Ebs"]["DeleteOnTermination"] is True
    assert "KeyName" not in instance
    assert {"Key": TAG, "Value": {"Ref": "AWS::StackName"}} in instance["Tags"]


def test_no_port_is_open_unless_one_network_is_allowed_to_reach_the_data_api() -> None:
    assert DOCUMENT["Parameters"]["AllowedCidr"]["Default"] == ""
    condition, opened, closed = properties("SecurityGroup")["SecurityGroupIngress"]["If"]
    assert condition == "HasOpenPort"
    assert DOCUMENT["Conditions"]["HasOpenPort"] == {"Not": [{"Equals": [{"Ref": "AllowedCidr"}, ""]}]}
    assert closed == []
    (rule,) = opened
    assert (rule["FromPort"], rule["ToPort"], rule["CidrIp"]) == (PORT, PORT, {"Ref": "AllowedCidr"})


def test_each_start_of_the_instance_writes_the_unit_and_the_script_of_this_folder(tmp_path: Path) -> None:
    user_data: dict[str, Any] = yaml.safe_load(properties("Instance")["UserData"]["Fn::Base64"]["Sub"])
    assert set(user_data) == {"package_update", "packages", "bootcmd", "runcmd"}
    assert user_data["packages"] == ["docker.io", "python3-boto3"]
    assert user_data["bootcmd"][-1] == "systemctl daemon-reload"
    assert user_data["runcmd"] == ["systemctl enable --now readmit-ec2-api.service"]
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    for command in user_data["bootcmd"][:-1]:
        # The only values of CloudFormation.
        script = command.replace("${AWS::Region}", "us-east-1").replace("${AWS::StackName}", "readmit")
        assert "${" not in script
        below = re.sub(r"(?<=[ ])/(etc|opt)/", rf"{tmp_path}/\1/", script)
        subprocess.run(["sh", "-euc", below], check=True)
    assert (tmp_path / "etc/readmit/instance.env").read_text().splitlines() == [
        *("AWS_DEFAULT_REGION=us-east-1", "READMIT_PARAMETERS=/readmit/readmit")
    ]
    for name, path in (
        ("readmit-ec2-api.service", "etc/systemd/system/readmit-ec2-api.service"),
        ("source_environment.py", "opt/readmit/source_environment.py"),
    ):
        assert (tmp_path / path).read_text() == re.sub(
            r"(?<=[ ])/(etc|opt)/", rf"{tmp_path}/\1/", (FOLDER / name).read_text()
        )


def test_the_user_data_fits_into_the_limit_of_ec2() -> None:
    assert len(properties("Instance")["UserData"]["Fn::Base64"]["Sub"].encode()) < 16_384
