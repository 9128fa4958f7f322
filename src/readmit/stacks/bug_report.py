"""`just ops::report`: one file for a bug report, with what a stack consists of and how it is, and no secret or ID."""

import platform
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr
from rich.console import Console

from readmit import __version__
from readmit.settings import Settings
from readmit.stacks import atomic_file
from readmit.stacks.errors import StackError
from readmit.stacks.redaction import Redactor

ROOT, FOLDER = Path(__file__).parents[3], Path("var/reports")
LOG_LINES = 200
"""Lines of each log in a report."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report. `read` returns its text, or raises StackError, whose text then takes its place."""

    title: str
    read: Callable[[], str]

    def text(self) -> str:
        """Return the section with its title."""
        try:
            content = self.read()
        except StackError as error:
            content = f"not available: {error}"
        return f"== {self.title} ==\n{content.strip()}\n"


def write_report(sections: Iterable[Section], secrets: frozenset[str], terminal: Console) -> Path:
    """Write a report without the secrets to a file that only its owner can read, and print where it is."""
    atomic_file.make_folder(FOLDER)
    file = FOLDER / f"report-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.txt"
    atomic_file.write(file, Redactor(secrets).redact("\n".join(section.text() for section in sections)))
    terminal.print(f"Wrote {file}. Read it before you attach it to a report: it contains logs and settings.")
    return file


def versions(*more: str) -> str:
    """Return the versions of this code and of what runs it, and `more` lines."""
    code = f"readmit {__version__}, commit {checked_out_commit(ROOT / '.git')}"
    return "\n".join((code, f"Python {sys.version.split()[0]} on {platform.platform()}", *more))


def settings_text(settings: Settings) -> str:
    """Return the settings that are not at their default; of a secret only that it is set."""
    values = {name: getattr(settings, name) for name in sorted(settings.model_fields_set)}
    return "\n".join(f"{name} = {'(set)' if isinstance(value, SecretStr) else value}" for name, value in values.items())


def settings_secrets(settings: Settings) -> Iterable[str]:
    """Return the values of the secret settings; the S3 user counts as one."""
    values = (getattr(settings, name) for name in Settings.model_fields)
    return (
        *(value.get_secret_value() for value in values if isinstance(value, SecretStr)),
        settings.s3_access_key or "",
    )


def checked_out_commit(git: Path) -> str:
    """Return the commit that is checked out, from the files of Git, or why it is unknown."""
    try:
        head = (git / "HEAD").read_text().strip()
        return (git / head.removeprefix("ref: ")).read_text().strip() if head.startswith("ref: ") else head
    except OSError as error:
        return f"unknown ({error.strerror})"
