"""What a person on call uses, on the container stack: the commands of the runbook, `just why`, and a bug report."""

import json
import re
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from readmit.containers import secrets
from readmit.containers.container_diagnosis import diagnose
from readmit.containers.container_report import container_report, container_secrets
from readmit.settings import load
from readmit.stacks.bug_report import write_report
from readmit.stacks.terminal import console
from tests.e2e.containers import ROOT, Stack

pytestmark = pytest.mark.e2e
RUNBOOK = (ROOT / "docs/runbooks.md").read_text()
FLUSH_SECONDS = 2.0
"""The API writes its log twice per second."""


def log_lines(stack: Stack, service: str, text: str) -> list[dict[str, Any]]:
    """Return the JSON lines with a text, found by the second command of the runbook."""
    assert f"docker compose logs --no-log-prefix {service} | grep" in RUNBOOK
    output = stack.project.output("logs", "--no-color", "--no-log-prefix", service)
    return [json.loads(line) for line in output.splitlines() if line.startswith("{") and text in line]


def test_a_rejected_request_is_found_by_the_commands_of_the_runbook(stack: Stack) -> None:
    response = httpx.post(f"{stack.addresses['api']}/predict", json={}, timeout=30.0, trust_env=False)
    assert response.status_code == 422
    time.sleep(FLUSH_SECONDS)
    (line,) = log_lines(stack, "api", response.headers["x-request-id"])
    assert (line["route"], line["status"]) == ("/predict", 422)
    (pattern,) = re.findall(r"logs --no-log-prefix api \| grep -E '(.+)' \|", RUNBOOK)
    output = stack.project.output("logs", "--no-color", "--no-log-prefix", "api")
    found = [item for item in output.splitlines() if re.search(pattern, item)]
    assert any(response.headers["x-request-id"] in item for item in found)


def test_a_failed_step_is_found_by_the_commands_of_the_runbook(stack: Stack) -> None:
    run = stack.run_day(batch=99)
    assert run.state == "FAILED"
    (query,) = re.findall(r'just sql "(SELECT run_id, .+)"', RUNBOOK)
    row = stack.sql(query)[0]
    assert (row["run_id"], row["step"], row["state"]) == (run.id, "check_source", "failed")
    assert "there is no batch 99" in row["error"]
    (line,) = log_lines(stack, "flows", row["run_id"])
    assert (line["logger"], line["step"], line["outcome"]) == ("readmit.steps", "check_source", "failed")
    assert line["error"] == "PrerequisiteMissing"


def test_each_request_to_the_data_api_is_a_line_of_its_log(stack: Stack) -> None:
    stack.get("ec2-api", "/batches/1")
    output = stack.project.output("logs", "--no-color", "--no-log-prefix", "ec2-api")
    lines = [json.loads(line) for line in output.splitlines() if "ec2_api.requests" in line]
    assert any((line["route"], line["status"], line.get("batch")) == ("/batches/<number>", 200, 1) for line in lines)


def test_why_shows_a_stopped_service_and_nothing_once_it_runs_again(stack: Stack) -> None:
    assert diagnose(stack.project, ("ui",)) == []
    stack.project.output("stop", "ui")
    (problem,) = diagnose(stack.project, ())
    assert (problem.service, problem.state.startswith("exited with code ")) == ("ui", True)
    assert problem.log
    assert "`just up ui`" in problem.advice
    stack.up()
    assert diagnose(stack.project, ()) == []


def test_a_bug_report_on_the_running_stack_contains_no_secret(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder, settings = Path(stack.project.variables["READMIT_SECRETS"]), load()
    sections = container_report(stack.project, settings)
    text = write_report(sections, container_secrets(stack.project, settings), console()).read_text()
    assert "\nnot available: " not in text
    for service in ("api", "flows", "mysql", "prometheus"):
        assert f"== log of {service} ==" in text
    assert [name for name in secrets.GENERATED if (folder / name).read_text() in text] == []
