"""`just ops::rotate NAME ...` where no containers are: new secrets for the embedded stack, which must not be up."""

import json
import secrets
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from readmit.embedded.environment import SECRETS
from readmit.embedded.seaweedfs import SIGNING_KEYS
from readmit.settings import PREFIX
from readmit.stacks import atomic_file
from readmit.stacks.errors import StackError

NAMES = {name.removeprefix(PREFIX).lower(): name for name in (*SECRETS, *SIGNING_KEYS)}
"""The name on the command line, and in the file of secrets."""


def rotate_embedded(folder: Path, names: Sequence[str], terminal: Console) -> None:
    """Replace some secrets in the state folder. Raises StackRefused when there is no such secret, or no state."""
    if unknown := sorted(set(names) - NAMES.keys()):
        raise StackError(f"there is no secret {', '.join(unknown)}; there are {', '.join(sorted(NAMES))}")
    file = folder / "secrets.json"
    if not file.exists():
        raise StackError(f"{file} does not exist: the stack was never started on this data, and has no secrets yet")
    made = {NAMES[name]: secrets.token_hex(16) for name in names}
    atomic_file.write(file, json.dumps({**json.loads(file.read_text()), **made}))
    terminal.print(f"New: {', '.join(names)}. `just local` uses them.")
