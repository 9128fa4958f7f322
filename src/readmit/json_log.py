"""Log events as JSON lines, whatever runs the process: Prefect, Airflow or a command line.

They go to standard error; of a command that a person runs in a stack, whose standard error is a terminal, to the log of
that stack.

A line holds names, numbers and times. Values of encounters, free text and secrets are never passed to it.
"""

import json
import os
from contextlib import suppress
from datetime import UTC, datetime
from typing import Literal

from readmit.settings import command_log

JsonValue = str | int | float | None
STANDARD_ERROR = 2


def write(logger: str, level: Literal["info", "error"], **fields: JsonValue) -> None:
    """Write one line: the time, the level, the logger, and the fields that are not None.

    A full disk or a closed pipe loses the line and must not fail what it reports. It is one system call past Python's
    streams: Prefect would add what it captures from them to the log of its page.
    """
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    present = {name: value for name, value in fields.items() if value is not None}
    line = json.dumps({"at": at, "level": level, "logger": logger, **present})
    with suppress(OSError):
        _append(f"{line}\n".encode())


def _append(line: bytes) -> None:
    path = command_log()
    if not path:
        os.write(STANDARD_ERROR, line)
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)
