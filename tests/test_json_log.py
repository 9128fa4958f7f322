"""Lines of the log: one JSON object each, on standard error, and never the reason that something fails."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from readmit import json_log


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


def test_a_closed_standard_error_loses_the_line_and_nothing_else() -> None:
    code = "import os; os.close(2)\nfrom readmit import json_log\njson_log.write('a', 'info')\nprint('done')"
    result = subprocess.run([sys.executable, "-c", code], env=os.environ, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "done\n")
