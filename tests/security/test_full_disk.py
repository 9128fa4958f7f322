"""The real API with a log that takes nothing, or whose reader is gone."""

import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.access_log import FULL
from api.example import EXAMPLE
from readmit.io.model_cache import ModelCache
from tests.api.conftest import served
from tests.api.test_never_down import serving

__all__ = ["served"]


def dropped_lines(address: str) -> int:
    text = httpx.get(f"{address}/metrics", trust_env=False).text
    found = re.search(r"^readmit_log_lines_dropped_total (\d+)", text, re.MULTILINE)
    assert found is not None
    return int(found[1])


def wait_for_dropped_lines(address: str) -> None:
    """Wait until as many lines are counted as are written at once: those of the last half second are not tried yet."""
    deadline = time.monotonic() + 20
    while dropped_lines(address) < FULL:
        assert time.monotonic() < deadline, "the lines that were lost are not counted"
        time.sleep(0.1)


@pytest.mark.attack("full disk under the log", "api")
def test_with_a_full_disk_under_the_log_every_prediction_is_answered(tmp_path: Path, served: Any) -> None:
    ModelCache(tmp_path).keep(served.version, served.artifact)
    with (
        serving(tmp_path, log=Path("/dev/full")) as (process, address, _),
        httpx.Client(base_url=address, trust_env=False) as client,
    ):
        # More than are written at once: the last one of FULL writes within its own request.
        for path in ["/predict"] * (FULL + 100) + ["/predict?explain=true"] * 5:
            assert client.post(path, json=EXAMPLE).status_code == 200
        wait_for_dropped_lines(address)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in (0, -signal.SIGTERM)


@pytest.mark.attack("reader of the log gone", "api")
def test_when_who_reads_the_log_is_gone_every_prediction_is_answered(tmp_path: Path, served: Any) -> None:
    ModelCache(tmp_path).keep(served.version, served.artifact)
    fifo = tmp_path / "log"
    reader = subprocess.Popen(["sh", "-c", f"mkfifo {fifo} && exec cat {fifo}"], stdout=subprocess.DEVNULL)
    while not fifo.exists():
        assert reader.poll() is None
    with (
        serving(tmp_path, log=fifo) as (_, address, _),
        httpx.Client(base_url=address, trust_env=False) as client,
    ):
        reader.kill()
        reader.wait()
        for _ in range(FULL + 100):
            assert client.post("/predict", json=EXAMPLE).status_code == 200
        wait_for_dropped_lines(address)
