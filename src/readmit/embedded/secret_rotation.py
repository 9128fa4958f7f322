"""`just ops::rotate NAME ...` without containers: new secrets for the embedded stack, which must not be up."""

import json
import secrets
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from readmit.embedded.environment import ADDED_SECRETS, SECRETS
from readmit.settings import PREFIX
from readmit.stacks import atomic_file
from readmit.stacks.errors import StackError

EMBEDDED_SECRETS = {name.removeprefix(PREFIX).lower(): name for name in (*SECRETS, *ADDED_SECRETS)}
"""The name of each secret on the command line, and in the secrets file."""


def rotate_embedded(folder: Path, names: Sequence[str], terminal: Console) -> None:
    """Replace some secrets in the state folder. Raises StackError when a secret is unknown, or there is no state."""
    if unknown := sorted(set(names) - EMBEDDED_SECRETS.keys()):
        raise StackError(f"unknown secret {', '.join(unknown)}; known secrets: {', '.join(sorted(EMBEDDED_SECRETS))}")
    file = folder / "secrets.json"
    if not file.exists():
        raise StackError(f"{file} does not exist: the stack was never started with these data and has no secrets yet")
    generated = {EMBEDDED_SECRETS[name]: secrets.token_hex(16) for name in names}
    atomic_file.write(file, json.dumps({**json.loads(file.read_text()), **generated}))
    terminal.print(f"Replaced: {', '.join(names)}. `just local` uses the new values.")
