"""The machine: requirements, cores and description."""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path

PACKAGES = ("uvicorn", "uvloop", "httptools", "litestar", "lightgbm", "fastapi", "mlflow", "scikit-learn", "pandas")
NO_WRK = "wrk is required: `apt install wrk` or `brew install wrk`"
ONE_CORE = "two cores are required, one for the server and one for the load; this process may use only one"


class BenchRefused(Exception):
    """A benchmark that can't run here, or a wrong response; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class Cores:
    """One core for the server, one for everything else. None: this system can't pin processes."""

    server: int | None
    load: int | None


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine. `busy`: load average of the last minute before the start, near 0 on an idle machine."""

    processor: str
    cores: int
    kernel: str
    pinned: bool
    busy: float
    versions: dict[str, str]


def cores() -> Cores:
    """Return the first two available cores. Raises BenchRefused without wrk or a second core."""
    if shutil.which("wrk") is None:
        raise BenchRefused(NO_WRK)
    if not hasattr(os, "sched_getaffinity"):
        if (os.cpu_count() or 1) < 2:
            raise BenchRefused(ONE_CORE)
        return Cores(None, None)
    available = sorted(os.sched_getaffinity(0))
    if len(available) < 2:
        raise BenchRefused(ONE_CORE)
    return Cores(available[0], available[1])


def pinned_command(core: int | None, command: Sequence[str]) -> list[str]:
    """Return the command, pinned to a core with its subprocesses."""
    return [*command] if core is None else ["taskset", "-c", str(core), *command]


def pin_this_process(core: int | None) -> None:
    """Pin this process and its subprocesses to a core; `pinned_command` overrides it."""
    if core is not None:
        os.sched_setaffinity(0, {core})


def this_machine(pinned_cores: Cores) -> Machine:
    return Machine(
        processor=processor_name(),
        cores=os.cpu_count() or 1,
        kernel=f"{platform.system()} {platform.release()}",
        pinned=pinned_cores.server is not None,
        busy=round(os.getloadavg()[0], 2),
        versions={"Python": platform.python_version(), "wrk": _wrk(), **{name: installed(name) for name in PACKAGES}},
    )


def processor_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    match = re.search(r"^model name\s*: (.+)$", cpuinfo.read_text(), re.MULTILINE) if cpuinfo.exists() else None
    return match[1].strip() if match else platform.processor()


def _wrk() -> str:
    """Return the version of wrk; `wrk --version` always exits with 1."""
    completed = subprocess.run(["wrk", "--version"], capture_output=True, text=True, check=False)
    return (completed.stdout + completed.stderr).split()[1]
