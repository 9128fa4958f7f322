"""The runbook names the fields of each kind of log line."""

import inspect
import re
from pathlib import Path

import ec2_api.request_log
from readmit import attempt_log, rollback
from readmit.steps import promote

ROOT = Path(__file__).parents[2]
RUNBOOK = (ROOT / "docs/runbooks.md").read_text()
COMMON = {"at", "level", "logger"}
LINES = re.findall(r"^- `((?:readmit|ec2_api)\.\w+)`, .+?: (`.+`)$", RUNBOOK, re.MULTILINE)
DOCUMENTED = {logger: set(re.findall(r"`(\w+)`", fields)) for logger, fields in LINES}


def keywords(function: object) -> set[str]:
    """Return the fields that a function passes on to the log."""
    return set(re.findall(r"(?<![\w(])(\w+)=", inspect.getsource(function)))  # type: ignore[arg-type]  # a function


def test_the_fields_of_steps_promotions_and_rollbacks_are_those_of_the_code() -> None:
    assert DOCUMENTED[attempt_log.LOGGER] == keywords(attempt_log.log_attempt)
    assert DOCUMENTED[promote.LOGGER] == keywords(promote._log)
    assert DOCUMENTED[rollback.LOGGER] == keywords(rollback._log)


def test_the_fields_of_requests_are_those_of_the_code() -> None:
    fields = set(re.findall(r'"(\w+)":', inspect.getsource(ec2_api.request_log.log_request)))
    assert DOCUMENTED[ec2_api.request_log.LOGGER] == fields - COMMON
    fields = set(re.findall(r'"(\w+)":', (ROOT / "api/access_log.py").read_text().partition("def record")[2]))
    assert DOCUMENTED["readmit.requests"] == fields - COMMON


def test_every_kind_of_line_is_documented() -> None:
    assert len(DOCUMENTED) == 5
