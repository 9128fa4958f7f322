"""Where embedded stacks store their state, and the demo its report."""

import hashlib
from pathlib import Path

from readmit.settings import Settings

FOLDER = Path("var/demo")
REPORT, PAGE = FOLDER / "report.json", FOLDER / "results.html"
"""Those of the last successful demo; each source also has its own in its folder."""

COMMANDS_LOG = Path("processes/commands.log")
"""In the folder of a stack: what commands log that a person runs on it."""


def folder_of(settings: Settings) -> Path:
    """Return the state folder of a source: another file starts fresh, the same one continues."""
    name = "" if settings.data is None else str(settings.data.resolve())
    return FOLDER / hashlib.sha256(name.encode()).hexdigest()[:12]
