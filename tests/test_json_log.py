"""Lines of the log: one JSON object each, on standard error, and never the reason that something fails."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from readmit import json_log
from readmit.settings import COMMAND_LOG


def test_a_line_has_the_time_the_level_the_logger_and_the_fields_that_have_a_value(
    capfd: pytest.CaptureFixture[str],
) -> None:
    json_log.write("readmit.steps", "error", run_id="a", batch=3, version=None, seconds=0.5)
    output = capfd.readouterr()
    assert output.out == ""
    line = json.loads(output.err)
    assert datetime.now(UTC) - datetime.fromisoformat(line.pop("at")) < timedelta(seconds=60)
    assert line == {"level": "error", "logger": "readmit.steps", "run_id": "a", "batch": 3, "seconds": 0.5}


def test_a_text_with_line_breaks_is_still_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    json_log.write("readmit.rollbacks", "info", by="ana\n{}\x1b")
    (line,) = capfd.readouterr().err.splitlines()
    assert json.loads(line)["by"] == "ana\n{}\x1b"


def test_a_command_of_a_person_logs_to_the_file_of_the_stack_and_not_to_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(COMMAND_LOG, str(tmp_path / "commands.log"))
    json_log.write("readmit.rollbacks", "info", version="1")
    json_log.write("readmit.rollbacks", "info", version="2")
    lines = [json.loads(line) for line in (tmp_path / "commands.log").read_text().splitlines()]
    assert [line["version"] for line in lines] == ["1", "2"]
    assert capfd.readouterr().err == ""


def test_a_log_that_cannot_be_opened_loses_the_line_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(COMMAND_LOG, str(tmp_path))
    json_log.write("readmit.rollbacks", "info", version="1")


def test_a_closed_standard_error_loses_the_line_and_nothing_else() -> None:
    code = "import os; os.close(2)\nfrom readmit import json_log\njson_log.write('a', 'info')\nprint('done')"
    result = subprocess.run([sys.executable, "-c", code], env=os.environ, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "done\n")
