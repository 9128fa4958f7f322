"""The recipes' test account: what exists in it, and a recipe on a terminal."""

import os
import pty
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3

from aws.clients import AwsClients
from readmit.stacks.certificates import make_certificate

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
    """Return everything of ours that exists in the account and in the working directory."""
    return [*in_account(clients), *Path("var").rglob("*_*")]


def in_account(clients: AwsClients) -> list[str]:
    """Return everything that exists in the account, without what every account has."""
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
    started = [*functions, *instances, *queues, *schedules(clients)]
    return [*stacks, *parameters, *started, *identities(), *security_groups(clients)]


def identities() -> list[str]:
    """Return the roles and instance profiles, and the log groups."""
    iam, logs = boto3.client("iam"), boto3.client("logs")
    return [
        *(role["RoleName"] for role in iam.list_roles()["Roles"]),
        *(profile["InstanceProfileName"] for profile in iam.list_instance_profiles()["InstanceProfiles"]),
        *(group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]),
    ]


def security_groups(clients: AwsClients) -> list[str]:
    """Return the security groups, without those that every account has."""
    groups = clients.ec2.describe_security_groups()["SecurityGroups"]
    return [group["GroupId"] for group in groups if group["GroupName"] != "default"]


def ingress(clients: AwsClients) -> list[tuple[int, int, list[str]]]:
    groups = clients.cloudformation.list_stack_resources(StackName="readmit")["StackResourceSummaries"]
    (group,) = [item["PhysicalResourceId"] for item in groups if item["ResourceType"] == "AWS::EC2::SecurityGroup"]
    (found,) = clients.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    return [
        (rule["FromPort"], rule["ToPort"], [item["CidrIp"] for item in rule["IpRanges"]])
        for rule in found["IpPermissions"]
    ]


def certificate_options() -> tuple[str, ...]:
    """Write a certificate and its key into the working directory, and return the options that name them."""
    for path, text in zip(("certificate.pem", "key.pem"), make_certificate(["ec2-api"]), strict=True):
        Path(path).write_text(text)
    return "--certificate", "certificate.pem", "--key", "key.pem"


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
