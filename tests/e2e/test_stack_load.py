"""The load test of every run of `just e2e` on the container stack, after its days."""

import subprocess
import sys
from pathlib import Path

import pytest

from readmit.settings import environment_with
from tests.e2e.containers import ROOT, Stack

pytestmark = pytest.mark.e2e


def test_the_api_sustains_the_load_of_just_load_ci(stack: Stack) -> None:
    command = [sys.executable, "locust/run.py", "ci", "--host", stack.addresses["api"]]
    token = str(Path(stack.project.variables["READMIT_SECRETS"]) / "source_token")
    source = {"READMIT_SOURCE_URL": stack.addresses["ec2-api"], "READMIT_SOURCE_TOKEN_FILE": token}
    environment = environment_with(source, without=["READMIT_SOURCE_TOKEN", "READMIT_SOURCE_CA"])
    result = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    print(result.stdout)
    assert result.returncode == 0, result.stdout + result.stderr
