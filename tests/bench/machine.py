"""The machine that is measured on: whether it will do, its cores, and what it is."""

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
NO_WRK = "wrk is not installed, and all load comes from it: `apt install wrk`, or `brew install wrk`"
ONE_CORE = "two cores are needed, one for the server and one for what loads it; here this process may use one alone"


class BenchRefused(Exception):
    """What was asked can't be measured here, or an answer was not what it should be; the text says why."""


@dataclass(frozen=True, slots=True)
class Cores:
    """One for the server, one for all that is not measured. None: this system pins no process."""

    server: int | None
    load: int | None


@dataclass(frozen=True, slots=True)
class Machine:
    """`busy`: the load average of the last minute, before anything was started; near 0 on a quiet machine."""

    processor: str
    cores: int
    kernel: str
    pinned: bool
    busy: float
    versions: dict[str, str]


def cores() -> Cores:
    """The first two that this process may use. BenchRefused: there is no wrk, or no second core."""
    if shutil.which("wrk") is None:
        raise BenchRefused(NO_WRK)
    if not hasattr(os, "sched_getaffinity"):
        if (os.cpu_count() or 1) < 2:
            raise BenchRefused(ONE_CORE)
        return Cores(None, None)
    free = sorted(os.sched_getaffinity(0))
    if len(free) < 2:
        raise BenchRefused(ONE_CORE)
    return Cores(free[0], free[1])


def on(core: int | None, command: Sequence[str]) -> list[str]:
    """The command, kept to one core with all that it starts."""
    return [*command] if core is None else ["taskset", "-c", str(core), *command]


def keep_to(core: int | None) -> None:
    """From now on this process and what it starts use one core, unless `on` says otherwise."""
    if core is not None:
        os.sched_setaffinity(0, {core})


def this_machine(found: Cores) -> Machine:
    return Machine(
        processor=_processor(),
        cores=os.cpu_count() or 1,
        kernel=f"{platform.system()} {platform.release()}",
        pinned=found.server is not None,
        busy=round(os.getloadavg()[0], 2),
        versions={"Python": platform.python_version(), "wrk": _wrk(), **{name: installed(name) for name in PACKAGES}},
    )


def _processor() -> str:
    told = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*: (.+)$", told.read_text(), re.MULTILINE) if told.exists() else None
    return found[1].strip() if found else platform.processor()


def _wrk() -> str:
    """Its first word after its name; with this option it ends with 1, whatever happens."""
    said = subprocess.run(["wrk", "--version"], capture_output=True, text=True, check=False)
    return (said.stdout + said.stderr).split()[1]
