"""What a step takes, measured in a process of its own, as `readmit step` runs it on the embedded stack."""

import math
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from readmit.embedded.stack import Stack
from readmit.io.database import ledger
from readmit.stacks.errors import StackError

KIB_PER_MB = 1_000_000 / 1024


@dataclass(frozen=True, slots=True)
class Sample:
    """One step of one batch. `encounters`: of batches 1 to this one; `peak_mb`: resident memory of the process.

    `seconds`: as the ledger has them; `cpu_seconds`: of the process, with its start.
    """

    step: str
    batch: int
    encounters: int
    seconds: float
    cpu_seconds: float
    peak_mb: float
    facts: Mapping[str, object]


def measure_step(stack: Stack, step: str, batch: int, encounters: int) -> Sample:
    """Run a step to its end. Raises StackError when it fails; its output is on stderr."""
    command = [sys.executable, "-m", "readmit.cli", "step", step, "--batch", str(batch)]
    process = subprocess.Popen(command, env=dict(stack.environment), stdout=sys.stderr)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise StackError(f"{step} of batch {batch} exited with code {process.returncode}")
    run = [run for run in ledger.list_step_runs(batch=batch, step=step) if run.state == "done"][-1]
    cpu_seconds = usage.ru_utime + usage.ru_stime
    facts = ledger.parse_facts(run)
    return Sample(step, batch, encounters, run.seconds or 0.0, cpu_seconds, usage.ru_maxrss / KIB_PER_MB, facts)


def folder_mb(folder: Path) -> float:
    """Return the disk space of the files in a folder."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file()) / 1_000_000


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """Return the slope of the least-squares line through the logarithms of the points: 1 is linear, 0 is flat."""
    logs = [(math.log(x), math.log(max(y, 1e-3))) for x, y in points]
    mean_x, mean_y = (sum(values) / len(logs) for values in zip(*logs, strict=True))
    spread = sum((x - mean_x) ** 2 for x, _ in logs)
    return float(sum((x - mean_x) * (y - mean_y) for x, y in logs) / spread)


def at_limit(points: Sequence[tuple[float, float]], limit: float) -> float:
    """Return where the line through the first and the last point reaches a limit; infinite when it does not rise."""
    (low_x, low_y), (high_x, high_y) = points[0], points[-1]
    slope = (high_y - low_y) / (high_x - low_x)
    return high_x + (limit - high_y) / slope if slope > 0 else math.inf
