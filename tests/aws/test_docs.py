"""docs/aws.md, followed word for word against moto: each command, in the order of the page."""

import os
import re
import shlex
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

from aws.clients import AwsClients
from aws.infrastructure import TAG
from aws.running_cost import cost_of
from aws.up_options import verify_certificate
from readmit.io import ec2_instance
from tests.aws.account import ingress, remaining, run_on_terminal, schedules, tagged_instance
from tests.aws.moto_server import MotoServer
from tests.aws.test_template import RESOURCES

pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS")

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/aws.md").read_text()
COMMANDS = [
    line for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL) for line in block.splitlines()
]
COPIED = ("justfile", "pyproject.toml", "requirements/dev.txt", "aws", "compose/ops.just", "k3s/k3s.just")
STUBBED = ("docker", "aws")
"""Programs that need a registry, or an instance: the test records their arguments."""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what the recipes need, so that their files are not those of the user."""
    for name in COPIED:
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, target)
    # The environment is that of this code, and not of another clone.
    (tmp_path / "src").symlink_to(ROOT / "src")
    for program in STUBBED:
        stub = tmp_path / "bin" / program
        stub.parent.mkdir(exist_ok=True)
        stub.write_text(f'#!/bin/sh\necho {program} "$@" >> {tmp_path}/recorded\n')
        stub.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def follow(command: str) -> str:
    """Run a command of the page as typed, and return what it printed; on a terminal where it needs a confirmation."""
    if command == "just aws::down":
        assert run_on_terminal(shlex.split(command), "readmit", {}) == 0
        return ""
    result = subprocess.run(command, shell=True, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert result.returncode == 0, f"{command}: {result.stdout}{result.stderr}"
    return result.stdout


def test_every_command_of_the_page_works_in_its_order(moto: MotoServer, clients: AwsClients, project: Path) -> None:
    assert moto.url in os.environ["AWS_ENDPOINT_URL"]
    assert COMMANDS[0] == "just aws::try"
    printed = {command: follow(command) for command in COMMANDS[1 : COMMANDS.index("just aws::down --dry-run")]}
    assert "would change: stack readmit: create" in printed[COMMANDS[3]]
    assert tagged_instance(clients)["InstanceId"] in printed["just aws::status"]
    assert ingress(clients) == [(5001, 5001, ["203.0.113.7/32"])]
    key_pair = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    key_pair.load_cert_chain("ec2-api.pem", "ec2-api.key")
    for name in ("ec2-api", "127.0.0.1"):
        verify_certificate(key_pair, Path("ec2-api.pem"), name)
    with pytest.raises(ssl.SSLCertVerificationError):
        verify_certificate(key_pair, Path("ec2-api.pem"), "localhost")
    crons = [schedules(clients)[f"readmit-{action}"]["ScheduleExpression"] for action in ("start", "stop")]
    assert crons == ["cron(55 8 * * ? *)", "cron(55 23 * * ? *)"]
    recorded = (project / "recorded").read_text().splitlines()
    assert [shlex.split(line)[:2] for line in recorded] == [
        *(["docker", "build"], ["docker", "push"]),
        *(["aws", "iam"], ["aws", "iam"], ["aws", "iam"], ["aws", "ssm"]),
    ]
    for command in COMMANDS[COMMANDS.index("just aws::down --dry-run") :]:
        follow(command)
    assert remaining(clients) == []


def test_the_page_is_one_page() -> None:
    assert len(PAGE.splitlines()) <= 120


def test_its_costs_are_those_of_the_price_list() -> None:
    week, month, always = (cost_of(hours, "t3.micro", 8, 1) for hours in (105, 450, 24 * 30.42))
    assert week
    assert month
    assert always
    assert f"{week.instance:.2f} USD a week" in PAGE
    assert f"{month.total:.1f}0 USD a month" in PAGE
    assert f"without\na schedule it would be {always.total:.1f}0" in PAGE
    assert f"8 GB {100 * month.disk:.0f} cents a month" in PAGE


@pytest.mark.usefixtures("moto")
def test_the_user_of_the_pipeline_may_do_what_the_pipeline_does_and_nothing_else() -> None:
    (command,) = [shlex.split(command) for command in COMMANDS if "put-user-policy" in command]
    file = ROOT / command[command.index("--policy-document") + 1].removeprefix("file://")
    iam = boto3.client("iam")
    iam.create_user(UserName="readmit-pipeline")
    iam.put_user_policy(UserName="readmit-pipeline", PolicyName="start", PolicyDocument=file.read_text())
    stored = iam.get_user_policy(UserName="readmit-pipeline", PolicyName="start")["PolicyDocument"]
    start, describe = stored["Statement"]
    assert (start["Action"], start["Resource"]) == ("ec2:StartInstances", "arn:aws:ec2:*:*:instance/*")
    assert start["Condition"] == {"StringEquals": {f"aws:ResourceTag/{TAG}": "readmit"}}
    assert describe == {"Effect": "Allow", "Action": "ec2:DescribeInstances", "Resource": "*"}
    # The calls of the product, by the names of their methods.
    calls = set(re.findall(r"\bclient\.(\w+)\(", Path(ec2_instance.__file__).read_text()))
    assert calls == {"get_paginator", "start_instances"}


def test_its_tunnel_is_a_document_of_session_manager_to_the_port_of_the_data_api() -> None:
    (tunnel,) = [command for command in COMMANDS if command.startswith("aws ssm")]
    assert "--document-name AWS-StartPortForwardingSession" in tunnel
    assert "portNumber=5001,localPortNumber=5001" in tunnel


def test_it_maps_each_part_of_the_originals_folder() -> None:
    table = PAGE[PAGE.index("## From the original") :]
    for part in (
        *("StartEC2Instance", "StopEC2Instance", "lambda-trust-policy.json", "ec2-scheduler-policy.json"),
        *("setup_ec2_scheduler.sh", "add_permissions.sh", "update_schedule.sh", "zips"),
    ):
        assert part in table
    assert {"FunctionRole", "SchedulerRole"} <= set(RESOURCES)
