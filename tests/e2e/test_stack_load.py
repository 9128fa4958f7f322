"""The load test of every run of `just e2e` on the container stack, after its days."""

import subprocess
import sys

import pytest

from tests.e2e.containers import ROOT, Stack

pytestmark = pytest.mark.e2e


def test_the_api_sustains_the_load_of_just_load_ci(stack: Stack) -> None:
    addresses = ("--host", stack.addresses["api"], "--source", stack.addresses["ec2-api"])
    command = [sys.executable, "locust/run.py", "ci", *addresses]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    print(result.stdout)
    assert result.returncode == 0, result.stdout + result.stderr
