import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ec2_api.source_process import ROOT, running, within


@pytest.fixture
def small(tmp_path: Path, small_csv: Path) -> dict[str, str]:
    return {
        "DATA": str(small_csv),
        "SOURCE_STATE": str(tmp_path / "state"),
        "SOURCE_BATCH_SIZE": "300",
        "SOURCE_INTERVAL_SECONDS": "1",
    }


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_batches_are_released_by_the_clock_and_logged_and_a_signal_stops_the_server_cleanly(
    tmp_path: Path, small: dict[str, str], number: signal.Signals
) -> None:
    log = tmp_path / "log"
    with running(log, **small) as (process, client):
        assert client.get("/health").json()["current"] == 1
        early = client.get("/batches/3")
        assert early.status_code == 425
        within(5, lambda: re.search(r"exhausted", log.read_text()), process)
        assert client.get("/health").json()["exhausted"] is True
        assert client.get("/batches/3").status_code == 200
        assert "readmit_source_batches_released 3.0" in client.get("/metrics").text
        process.send_signal(number)
        assert process.wait(5) == 0
    text = log.read_text()
    assert [int(n) for n in re.findall(r"batch (\d) of 3 is released", text)] == [1, 2, 3]
    assert "Traceback" not in text


def test_a_killed_process_continues_its_release(tmp_path: Path, small: dict[str, str]) -> None:
    small["SOURCE_INTERVAL_SECONDS"] = "600"
    responses = []
    for log in (tmp_path / "log1", tmp_path / "log2"):
        with running(log, **small) as (process, client):
            responses.append(
                (
                    client.get("/health").json()["started_at"],
                    client.get("/batches").json(),
                    client.get("/get_data").content,
                )
            )
            process.kill()
    assert responses[0] == responses[1]


@pytest.mark.parametrize(
    ("changes", "setting"),
    [
        ({"DATA": "/nowhere/data.csv"}, "READMIT_DATA"),
        ({"SOURCE_PORT": "http"}, "READMIT_SOURCE_PORT"),
        ({"SOURCE_STATE": "/proc/nowhere"}, "READMIT_SOURCE_STATE"),
    ],
)
def test_an_unusable_setting_exits_with_code_2_and_one_line_that_names_it(
    small: dict[str, str], changes: dict[str, str], setting: str
) -> None:
    environ = os.environ | {f"READMIT_{name}": value for name, value in (small | changes).items()}
    completed = subprocess.run(
        [sys.executable, "-m", "ec2_api"], env=environ, capture_output=True, text=True, timeout=20, cwd=ROOT
    )
    assert completed.returncode == 2
    assert len(completed.stderr.splitlines()) == 1
    assert setting in completed.stderr
