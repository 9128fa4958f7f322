"""Files and folders that only their owner can read: secrets, patient rows, and the state of running processes."""

import os
from pathlib import Path

from readmit.stacks.errors import StackError


def make_folder(folder: Path) -> None:
    """Create a folder of mode 0700, or restrict an existing one to it.

    Raises StackError when the mode cannot be set, for example because the folder belongs to another user.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        folder.chmod(0o700)
    except PermissionError as error:
        raise StackError(
            f"{folder} contains patient data and secrets; its mode cannot be restricted to its owner: "
            f"{error.strerror}. Its owner has uid {folder.stat().st_uid}: change the owner, or move the folder away"
        ) from error


def write(file: Path, text: str) -> None:
    """Write a file of mode 0600 atomically, by a temporary file and a rename."""
    temporary = file.with_name(f"{file.name}.new")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    temporary.replace(file)
