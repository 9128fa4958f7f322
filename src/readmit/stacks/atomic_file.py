"""Files and folders for their owner alone: secrets, patients' rows, and notes about what runs."""

import os
from pathlib import Path

from readmit.stacks.errors import StackError


def make_folder(folder: Path) -> None:
    """Create a folder of mode 0700, or narrow the mode of one that is there.

    Raises StackRefused when the mode can't be set, as when the folder belongs to another user.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        folder.chmod(0o700)
    except PermissionError as error:
        raise StackError(
            f"{folder} holds patients' rows and secrets, and can't be closed to other users: {error.strerror}. "
            f"Its owner has uid {folder.stat().st_uid}: change the owner, or move the folder away"
        ) from error


def write(file: Path, text: str) -> None:
    """Writes beside and renames, of mode 0600 from the start: who reads it finds the old text or the new one."""
    beside = file.with_name(f"{file.name}.new")
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    beside.replace(file)
