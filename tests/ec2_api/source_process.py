"""The data API in a separate process, on a free port."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

import ec2_api

ROOT = Path(ec2_api.__file__).parents[1]


@contextmanager
def running(log: Path, **changes: str) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    """Yield the data API as a process on a free port, and a client."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("READMIT_")}
    environ |= {"READMIT_SOURCE_PORT": "0"} | {f"READMIT_{name}": value for name, value in changes.items()}
    with log.open("wb") as file:
        process = subprocess.Popen([sys.executable, "-m", "ec2_api"], env=environ, stderr=file, cwd=ROOT)
    try:
        address = within(60, lambda: re.search(r"listening on (http\S+)", log.read_text()), process)
        with httpx.Client(base_url=address[1], timeout=20) as client:
            yield process, client
    finally:
        process.kill()
        process.wait()


def within(
    seconds: float, condition: Callable[[], re.Match[str] | None], process: subprocess.Popen[bytes]
) -> re.Match[str]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        if match := condition():
            return match
        time.sleep(0.02)
    raise AssertionError("the process ended or did not meet the condition in time")
