"""Log files of bounded size and number, as the containers have them (compose/service.yaml).

A service writes to a file that it has open, so its log is copied and emptied, not renamed. The file has to be open for
appending: after that the next line is at its start. Lines written between the two are lost.
"""

import os
import shutil
from pathlib import Path

MAX_BYTES = 10 * 10**6
MAX_FILES = 3
"""Number of files of one log, with the one that is being written."""


def rotate_if_full(log: Path) -> None:
    """Start a log again that has reached MAX_BYTES, and keep the full one under another name."""
    if log.exists() and log.stat().st_size >= MAX_BYTES:
        shift(log)


def shift(log: Path) -> None:
    """Copy a log to `NAME.1` and empty it; the older ones move up by one, and the oldest is overwritten."""
    for number in range(MAX_FILES - 1, 1, -1):
        if (newer := _older_file(log, number - 1)).exists():
            newer.replace(_older_file(log, number))
    shutil.copyfile(log, _older_file(log, 1))
    os.truncate(log, 0)


def _older_file(log: Path, number: int) -> Path:
    return log.with_name(f"{log.name}.{number}")
