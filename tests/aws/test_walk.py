"""`just aws::try`, as a user runs it."""

import os
import shutil
import subprocess

import pytest

from tests.aws.unit_container import ROOT, docker
from tests.aws.walk import NAME, subnet_around

RESOURCES = (
    ("ps", "--all", "--format", "{{.Names}}"),
    ("network", "ls", "--format", "{{.Name}}"),
    ("volume", "ls", "-q"),
    ("images", "--format", "{{.Repository}}"),
)


@pytest.mark.e2e
def test_the_walk_takes_a_day_from_the_instance_and_leaves_nothing() -> None:
    command = [str(shutil.which("just")), "aws::try"]
    # None of it may have an effect: the walk never uses the account or the stack of its user.
    own = {"AWS_PROFILE": "admin", "AWS_ENDPOINT_URL_EC2": "http://127.0.0.1:9", "READMIT_EC2_INSTANCE_ID": "i-1"}
    result = subprocess.run(command, cwd=ROOT, env={**os.environ, **own}, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Everything worked, and nothing is left." in result.stdout
    assert [name for listing in RESOURCES for name in docker(*listing).split() if NAME in name] == []


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("54.214.7.12", ("54.214.7.8/29", "--gateway", "54.214.7.9")),
        ("54.214.7.9", ("54.214.7.8/29", "--gateway", "54.214.7.10")),
        ("54.214.7.8", ("54.214.7.0/28", "--gateway", "54.214.7.1")),
        ("54.214.7.15", ("54.214.7.0/27", "--gateway", "54.214.7.1")),
    ],
)
def test_the_network_of_the_container_has_its_address_as_a_host(address: str, expected: tuple[str, ...]) -> None:
    assert subnet_around(address) == expected
