"""Load by wrk: one body, posted repeatedly over a number of connections."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.bench.machine import BenchRefused, pinned_command

SCRIPT = Path(__file__).with_name("post.lua")
TIMEOUT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Load:
    """Responses per second, and the latency percentiles in ms."""

    per_second: float
    p50: float
    p99: float


def load(address: str, body: Path, connections: int, seconds: int, core: int | None) -> Load:
    """Load a server and return the result. Raises BenchRefused for a response other than 2xx, or none."""
    options = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", f"{TIMEOUT_SECONDS}s", "-s", str(SCRIPT)]
    command = pinned_command(core, ["wrk", *options, address, "--", str(body)])
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    if completed.returncode != 0:
        raise BenchRefused(f"wrk ended with code {completed.returncode}: {completed.stdout}{completed.stderr}")
    summary = json.loads(completed.stdout.splitlines()[-1])
    if summary["refused"] or summary["broken"] or not summary["requests"]:
        raise BenchRefused(
            f"{address}: of {summary['requests']} requests {summary['refused']} were rejected, "
            f"{summary['broken']} had no response"
        )
    per_second = summary["requests"] / (summary["microseconds"] / 1e6)
    return Load(round(per_second, 1), round(summary["p50"] / 1e3, 3), round(summary["p99"] / 1e3, 3))
