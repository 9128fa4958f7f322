"""The load that every run of `just e2e` makes on the stack of containers, after its days: its exit code is the word."""

import subprocess
import sys

import pytest

from tests.e2e.containers import ROOT, Stack

pytestmark = pytest.mark.e2e


def test_the_api_bears_the_load_of_just_load_ci(stack: Stack) -> None:
    addresses = ("--host", stack.addresses["api"], "--source", stack.addresses["ec2-api"])
    command = [sys.executable, "locust/run.py", "ci", *addresses]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
