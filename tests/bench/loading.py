"""Load by wrk: one body posted over and over, by so many connections."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.bench.machine import BenchRefused, on

SCRIPT = Path(__file__).with_name("post.lua")
PATIENCE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Load:
    """Answers per second, and milliseconds within which half of them, and 99 of 100, came."""

    per_second: float
    p50: float
    p99: float


def load(address: str, body: Path, connections: int, seconds: int, core: int | None) -> Load:
    """What a server did under load. BenchRefused: an answer was no 2xx, or did not come."""
    options = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", f"{PATIENCE_SECONDS}s", "-s", str(SCRIPT)]
    command = on(core, ["wrk", *options, address, "--", str(body)])
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchRefused(f"wrk ended with code {done.returncode}: {done.stdout}{done.stderr}")
    told = json.loads(done.stdout.splitlines()[-1])
    if told["refused"] or told["broken"] or not told["requests"]:
        raise BenchRefused(
            f"{address}: of {told['requests']} answers {told['refused']} were no success, {told['broken']} did not come"
        )
    per_second = told["requests"] / (told["microseconds"] / 1e6)
    return Load(round(per_second, 1), round(told["p50"] / 1e3, 3), round(told["p99"] / 1e3, 3))
