"""The peak memory of this process, which can be reset on Linux, and the limit of its control group."""

import re
import resource
import sys
from contextlib import suppress
from pathlib import Path

CLEAR_REFS, STATUS, OWN_CGROUP = Path("/proc/self/clear_refs"), Path("/proc/self/status"), Path("/proc/self/cgroup")
CGROUP_ROOT = Path("/sys/fs/cgroup")
V1_LIMIT, V1_UNLIMITED = "memory/memory.limit_in_bytes", 2**60
"""The limit in cgroup v1, which is a huge number when there is none."""
RESET_PEAK = "5"
"""Resets VmHWM to the present memory (man 5 proc_pid_clear_refs)."""
PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


def reset_peak() -> None:
    """Reset the peak to the present memory. Where that is not possible, the peak remains that since the start."""
    with suppress(OSError):
        CLEAR_REFS.write_text(RESET_PEAK)


def peak_bytes() -> int:
    """Return the peak resident memory since the reset: VmHWM, or without /proc that of getrusage."""
    try:
        peak = PEAK.search(STATUS.read_text())
    except OSError:
        peak = None
    if peak is not None:
        return int(peak[1]) * 1024
    maximum = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # macOS counts in bytes, Linux in kilobytes.
    return maximum if sys.platform == "darwin" else maximum * 1024


def limit_bytes() -> int | None:
    """Return the least memory limit of this process's control group and those above it, if there is one.

    In a container of cgroup v1 the limit is that of the container.
    """
    limits = [limit for file in _limit_files() if (limit := _limit(file)) is not None]
    return min(limits, default=None)


def _limit_files() -> list[Path]:
    """Return the files with the limits, of which only those of one version of control groups exist."""
    try:
        own = next((line for line in OWN_CGROUP.read_text().splitlines() if line.startswith("0::")), "0::/")
    except OSError:
        return []
    group = CGROUP_ROOT / own.removeprefix("0::").strip("/")
    folders = [folder for folder in (group, *group.parents) if folder.is_relative_to(CGROUP_ROOT)]
    return [CGROUP_ROOT / V1_LIMIT, *(folder / "memory.max" for folder in folders)]


def _limit(file: Path) -> int | None:
    try:
        text = file.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() and int(text) < V1_UNLIMITED else None
