"""The real API with a log that can't be written, or whose reader is gone."""

import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.access_log import MAX_BUFFERED_LINES
from api.example import EXAMPLE
from readmit.io.model_cache import ModelCache
from tests.api.conftest import served
from tests.api.test_never_down import run_api

__all__ = ["served"]


def dropped_lines(address: str) -> int:
    text = httpx.get(f"{address}/metrics", trust_env=False).text
    match = re.search(r"^readmit_log_lines_dropped_total (\d+)", text, re.MULTILINE)
    assert match is not None
    return int(match[1])


def wait_for_dropped_lines(address: str) -> None:
    """Wait until a full buffer of lines is counted; those of the last half second are not written yet."""
    deadline = time.monotonic() + 20
    while dropped_lines(address) < MAX_BUFFERED_LINES:
        assert time.monotonic() < deadline, "the lost lines are not counted"
        time.sleep(0.1)


@pytest.mark.attack("log on a full disk", "api")
def test_with_a_full_disk_under_the_log_every_prediction_is_served(tmp_path: Path, served: Any) -> None:
    ModelCache(tmp_path).store(served.version, served.artifact)
    with (
        run_api(tmp_path, log=Path("/dev/full")) as (process, address, _),
        httpx.Client(base_url=address, trust_env=False) as client,
    ):
        # More than the buffer holds: the last request of a full buffer writes it itself.
        for path in ["/predict"] * (MAX_BUFFERED_LINES + 100) + ["/predict?explain=true"] * 5:
            assert client.post(path, json=EXAMPLE).status_code == 200
        wait_for_dropped_lines(address)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in (0, -signal.SIGTERM)


@pytest.mark.attack("log reader gone", "api")
def test_when_the_log_reader_is_gone_every_prediction_is_served(tmp_path: Path, served: Any) -> None:
    ModelCache(tmp_path).store(served.version, served.artifact)
    fifo = tmp_path / "log"
    reader = subprocess.Popen(["sh", "-c", f"mkfifo {fifo} && exec cat {fifo}"], stdout=subprocess.DEVNULL)
    while not fifo.exists():
        assert reader.poll() is None
    with (
        run_api(tmp_path, log=fifo) as (_, address, _),
        httpx.Client(base_url=address, trust_env=False) as client,
    ):
        reader.kill()
        reader.wait()
        for _ in range(MAX_BUFFERED_LINES + 100):
            assert client.post("/predict", json=EXAMPLE).status_code == 200
        wait_for_dropped_lines(address)
