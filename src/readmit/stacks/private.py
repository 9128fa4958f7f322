"""Files for their owner alone, written whole or not at all: secrets, and notes about what runs."""

import os
from pathlib import Path


def write(file: Path, text: str) -> None:
    """Writes beside and renames, of mode 0600 from the start: who reads it finds the old text or the new one."""
    beside = file.with_name(f"{file.name}.new")
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    beside.replace(file)
