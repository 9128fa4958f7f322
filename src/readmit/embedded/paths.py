"""Where embedded stacks keep their state, and the demo its report."""

import hashlib
from pathlib import Path

from readmit.settings import Settings

FOLDER = Path("var/demo")
REPORT, PAGE = FOLDER / "report.json", FOLDER / "results.html"
"""Of the last demo that ended well; each source keeps those of its own in its folder."""


def folder_of(settings: Settings) -> Path:
    """Where the state of a source lies: another file starts fresh, the same one goes on."""
    name = "" if settings.data is None else str(settings.data.expanduser().resolve())
    return FOLDER / hashlib.sha256(name.encode()).hexdigest()[:12]
