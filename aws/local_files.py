"""Copies on this machine of what the pipeline needs to use the data API: its token, and its certificate if any."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

FOLDER = Path("var/aws")
READABLE_BY_OWNER = 0o600
NAMES = ("source_token", "tls_certificate")
"""The parameters that the pipeline needs, too."""


class LocalFiles:
    """Copies of parameters. `current`: returns the parameters in Parameter Store by name."""

    def __init__(self, name: str, current: Callable[[], Mapping[str, str]]) -> None:
        self._name, self._current = name, current

    @property
    def label(self) -> str:
        """The files, for people."""
        return f"files {self.path('*')}"

    def path(self, parameter: str) -> Path:
        """Return the file of a parameter."""
        return FOLDER / f"{self._name}_{parameter}"

    def difference(self) -> str | None:
        """Return what is to be done, or None when the files have the values of the parameters."""
        # Before the first apply, the token is not yet generated.
        values = {"source_token": "", **self._current()}
        return ", ".join(f"write {name}" for name in NAMES if self._read(name) != values.get(name)) or None

    def apply(self) -> None:
        """Write the files, and delete that of a parameter that no longer exists."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        values = self._current()
        for name in NAMES:
            self.path(name).unlink(missing_ok=True)
            if name in values:
                descriptor = os.open(self.path(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, READABLE_BY_OWNER)
                with open(descriptor, "w") as stream:
                    stream.write(values[name])

    def remains(self) -> str | None:
        """Return what `remove` would delete, or None when there is no file."""
        return ", ".join(name for name in NAMES if self.path(name).exists()) or None

    def remove(self) -> None:
        """Delete the files."""
        for name in NAMES:
            self.path(name).unlink(missing_ok=True)

    def _read(self, name: str) -> str | None:
        return self.path(name).read_text() if self.path(name).exists() else None
