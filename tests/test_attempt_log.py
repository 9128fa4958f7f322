"""The log line of an attempt at a step, with a real ledger and fake steps."""

import json
from typing import Any

import pytest

from readmit.core.errors import ContractViolated
from readmit.io.database import ledger
from readmit.pipeline import BY_NAME, RunRequest
from readmit.step_attempt import attempt
from readmit.steps import clean, register
from tests.test_step_attempt import empty_ledger

__all__ = ["empty_ledger"]


def lines_of_steps(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    return [line for line in lines if line["logger"] == "readmit.steps"]


def test_a_successful_attempt_is_logged_with_its_run_batch_version_seconds_and_number(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(register, "run", lambda *_: {"version": "7", "candidate": "lightgbm"})
    admission = attempt(BY_NAME["check_source"], RunRequest("run", None))
    attempt(BY_NAME["register"], RunRequest("run", int(str(admission["batch"]))))
    check, line = lines_of_steps(capfd)
    assert (check["step"], check["batch"], check["outcome"]) == ("check_source", 1, "done")
    assert 0 <= line.pop("seconds") < 60
    assert line.pop("at")
    last = ledger.list_step_runs()[-1]
    assert line == {
        **{"level": "info", "logger": "readmit.steps", "run_id": "run", "batch": 1, "step": "register"},
        **{"attempt": last.number, "version": "7", "outcome": "done"},
    }


def test_a_failed_attempt_is_logged_with_the_type_of_its_error_and_without_its_text(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise ContractViolated("918273645 is not a patient")

    monkeypatch.setattr(clean, "run", fail)
    attempt(BY_NAME["check_source"], RunRequest("run", 1))
    with pytest.raises(ContractViolated):
        attempt(BY_NAME["clean"], RunRequest("run", 1))
    line = lines_of_steps(capfd)[-1]
    assert (line["level"], line["step"], line["outcome"], line["error"]) == (
        *("error", "clean", "failed"),
        "ContractViolated",
    )
    assert "918273645" not in json.dumps(line)
    assert "918273645" in str(ledger.list_step_runs()[-1].error), "the ledger has the text"


def test_an_interrupted_attempt_is_logged_too(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(clean, "run", interrupt)
    attempt(BY_NAME["check_source"], RunRequest("run", 1))
    with pytest.raises(KeyboardInterrupt):
        attempt(BY_NAME["clean"], RunRequest("run", 1))
    assert lines_of_steps(capfd)[-1]["error"] == "KeyboardInterrupt"
