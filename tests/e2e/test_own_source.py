"""Days from an EC2 instance: moto's EC2 on this machine, and a container as the instance, with TLS and a token."""

import csv
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer
from pydantic import SecretStr

from ec2_api.sample import write_sample
from readmit.containers import secrets
from readmit.containers.external_source import instance_credentials, select_source
from readmit.embedded.stack import free_ports
from readmit.pipeline import STEPS
from readmit.settings import Settings
from readmit.stacks.certificates import make_certificate
from tests.e2e.containers import Stack, temporary_stack

pytestmark = pytest.mark.e2e
BATCHES, BATCH_SIZE, POISONED = 7, 2_000, 3
NETWORK = f"10.213.{os.getpid() % 256}"
"""The network of tests/e2e/instance.yaml, another one in each process."""
ADDRESS, GATEWAY, SUBNET = f"{NETWORK}.10", f"{NETWORK}.1", f"{NETWORK}.0/24"
TOKEN, TAG = "a token of these tests", ("Name", "readmit-source")
ALWAYS = "00:00-24:00 UTC"


@dataclass(frozen=True, slots=True)
class Cloud:
    """An EC2 instance in moto: its client, its id, and the endpoint for containers."""

    ec2: Any
    instance_id: str
    endpoint: str

    @property
    def state(self) -> str:
        (group,) = self.ec2.describe_instances(InstanceIds=[self.instance_id])["Reservations"]
        return str(group["Instances"][0]["State"]["Name"])

    def stop(self) -> None:
        self.ec2.stop_instances(InstanceIds=[self.instance_id])


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    (port,) = free_ports(1)
    server = ThreadedMotoServer(ip_address="0.0.0.0", port=port)
    server.start()
    login = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    ec2 = boto3.client("ec2", endpoint_url=f"http://127.0.0.1:{port}", **login)
    vpc = ec2.create_vpc(CidrBlock=SUBNET)["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=SUBNET)["Subnet"]["SubnetId"]
    tags = [{"ResourceType": "instance", "Tags": [{"Key": TAG[0], "Value": TAG[1]}]}]
    placement = {"SubnetId": subnet, "PrivateIpAddress": ADDRESS, "TagSpecifications": tags}
    started = ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, **placement)
    yield Cloud(ec2, started["Instances"][0]["InstanceId"], f"http://{GATEWAY}:{port}")
    server.stop()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a week of batches; a tenth of the encounters of one of them has no valid sex."""
    file = tmp_path_factory.mktemp("data") / "sample.csv"
    write_sample(file, rows=BATCHES * BATCH_SIZE)
    with file.open(newline="") as opened:
        names, *rows = csv.reader(opened)
    for row in rows[(POISONED - 1) * BATCH_SIZE : POISONED * BATCH_SIZE : 10]:
        row[names.index("gender")] = "poison"
    with file.open("w", newline="") as opened:
        csv.writer(opened).writerows([names, *rows])
    return file


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Provide the certificate of the instance, AWS credentials, and an empty folder for secrets."""
    folder = tmp_path_factory.mktemp("own-source")
    for name, text in zip(("certificate.pem", "key.pem"), make_certificate(("ec2-api",)), strict=True):
        (folder / name).write_text(text)
        (folder / name).chmod(0o444)
    (folder / "credentials").write_text("[default]\naws_access_key_id = test\naws_secret_access_key = test\n")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def stack(cloud: Cloud, data: Path, folder: Path) -> Iterator[Stack]:
    """Run a stack whose data API is on the instance, outside the hours of the latter."""
    settings = Settings(
        ec2_tag=TAG,
        ec2_credentials=folder / "credentials",
        aws_endpoint_url_ec2=cloud.endpoint,
        source_ca=folder / "certificate.pem",
        source_token=SecretStr(TOKEN),
    )
    servers = select_source(settings)
    secrets.create_missing(folder / "secrets", {**servers.secrets, **instance_credentials(settings)})
    hour = (datetime.now(UTC).hour + 12) % 24
    variables = {
        **servers.variables,
        "READMIT_EC2_HOURS": f"{hour:02}:00-{hour:02}:01 UTC",
        "READMIT_SOURCE_BATCH_SIZE": str(BATCH_SIZE),
        "READMIT_DAY_MAX_BATCHES": "",
        "READMIT_TEST_TLS": str(folder),
        "READMIT_TEST_SUBNET": NETWORK,
    }
    files, only = (*servers.files, "tests/e2e/instance.yaml"), ("flows", "api", "ui", "prometheus", "instance")
    with temporary_stack("readmit-e2e-source", data, folder / "secrets", only, files=files, **variables) as running:
        yield running


@pytest.fixture(scope="module")
def open_stack(stack: Stack) -> Stack:
    """Set the hours of the instance to the whole day."""
    project = replace(stack.project, variables={**stack.project.variables, "READMIT_EC2_HOURS": ALWAYS})
    project.output("up", "--detach", "--wait", "flows")
    return replace(stack, project=project)


def command(stack: Stack, *arguments: str) -> str:
    return stack.project.output("exec", "-T", "flows", "python", "-m", "readmit.cli", *arguments)


def history(stack: Stack) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(command(stack, "days", "--json"))
    return content


def last_check(stack: Stack) -> dict[str, Any]:
    query = "SELECT facts FROM raw_data_db.step_runs WHERE step = 'check_source' ORDER BY number DESC LIMIT 1"
    facts: dict[str, Any] = json.loads(stack.sql(query)[0]["facts"])
    return facts


def test_the_stack_has_no_data_api_of_its_own_and_the_other_services_do_without(stack: Stack) -> None:
    assert "ec2-api" not in {state.service for state in stack.project.states()}
    assert "ec2-api" not in {item["name"] for item in stack.get("api", "/services")["items"]}
    targets = stack.get("prometheus", "/api/v1/targets")["data"]["activeTargets"]
    assert "ec2-api" not in {target["labels"]["job"] for target in targets}
    assert httpx.get(f"{stack.addresses['ui']}/_stcore/health", trust_env=False).text == "ok"


def test_the_instance_serves_rows_over_https_and_with_the_token_only(stack: Stack) -> None:
    code = f"""
import httpx
for scheme, token in (("http", {TOKEN!r}), ("https", "wrong"), ("https", {TOKEN!r})):
    headers = {{"Host": "ec2-api", "Authorization": f"Bearer {{token}}"}}
    try:
        print(httpx.get(f"{{scheme}}://{ADDRESS}:5001/batches/1", headers=headers, verify=False).status_code)
    except httpx.HTTPError as error:
        print("no response")
"""
    assert stack.output_in_flows(code).splitlines() == ["no response", "401", "200"]


def test_a_day_outside_the_hours_of_a_stopped_instance_is_no_failure_and_shown(stack: Stack, cloud: Cloud) -> None:
    cloud.stop()
    assert stack.run_day().state == "COMPLETED"
    assert cloud.state == "stopped"
    assert last_check(stack)["not_today"].startswith(f"EC2 instance {cloud.instance_id} is stopped, outside its hours")
    shown = history(stack)
    assert (shown["done"], shown["last"]) == ([], None)
    assert cloud.instance_id in shown["not_today"]


def test_within_its_hours_the_instance_is_started_and_the_day_is_taken_from_it(open_stack: Stack, cloud: Cloud) -> None:
    assert cloud.state == "stopped"
    assert open_stack.run_day(max_batches=1).state == "COMPLETED"
    assert cloud.state == "running"
    check = last_check(open_stack)
    assert (check["instance_started"], check["instance_running"], check["released"]) == (True, True, BATCHES)
    steps = open_stack.sql("SELECT step FROM raw_data_db.step_runs WHERE batch = 1 AND state = 'done' ORDER BY number")
    assert [row["step"] for row in steps] == [step.name for step in STEPS]
    assert history(open_stack)["done"] == [1]


def test_a_poisoned_batch_stops_the_run_and_set_aside_lets_the_next_one_catch_up_the_rest_of_the_week(
    open_stack: Stack,
) -> None:
    stopped = open_stack.run_day(train=False)
    assert (stopped.state, history(open_stack)["done"]) == ("FAILED", [1, 2])
    assert f"batch {POISONED} is not used for training" in stopped.message
    command(open_stack, "set-aside", "--batch", str(POISONED), "--by", "ana", "--why", "poisoned")
    caught_up = open_stack.run_day(train=False)
    assert (caught_up.state, caught_up.name) == ("COMPLETED", "daily batches 4 to 7")
    shown = history(open_stack)
    assert shown["done"] == [1, 2, 4, 5, 6, 7]
    assert "Batch 3 is set aside" in shown["set_aside"][0]
    assert last_check(open_stack)["instance_started"] is False
    states = {item["batch"]: item["state"] for item in open_stack.get("api", "/batches")["items"]}
    assert states[POISONED] == "set_aside"


SNAPSHOT = """
from readmit.core.snapshot import Snapshot
from readmit.io.database import ledger
from readmit.io.database.connection import connect
from readmit.io.object_store import Bucket
from readmit.settings import load

connect(load().database_address)
name = ledger.get_batch(7).snapshot_object
snapshot = Snapshot.from_json(Bucket("datasets", *load().s3_login).get_verified(name))
print(*snapshot.set_aside, *sorted({part.batch for part in snapshot.parts}))
"""


def test_the_snapshot_after_it_has_every_batch_but_the_one_set_aside_which_can_be_taken_back(
    open_stack: Stack,
) -> None:
    assert open_stack.output_in_flows(SNAPSHOT).split() == ["3", "1", "2", "4", "5", "6", "7"]
    command(open_stack, "set-aside", "--batch", str(POISONED), "--undo", "--by", "ben")
    again = open_stack.run_day(train=False)
    assert again.state == "FAILED", "it is still poisoned, and the next batch that is not done"
    (record,) = open_stack.sql("SELECT operator, reason, undone_by FROM raw_data_db.set_aside")
    assert record == {"operator": "ana", "reason": "poisoned", "undone_by": "ben"}
