"""Names of temporary projects and containers: each ends with the id of its process, so that several run at once."""

import os
import re
from collections.abc import Iterable

import psutil


def temporary_name(base: str) -> str:
    """Return the name of this process."""
    return f"{base}-{os.getpid()}"


def left_over(base: str, names: Iterable[str]) -> list[str]:
    """Return those names with a base whose process has ended."""
    pattern = re.compile(rf"{re.escape(base)}-(\d+)")
    return [name for name in names if (match := pattern.fullmatch(name)) and not psutil.pid_exists(int(match[1]))]
