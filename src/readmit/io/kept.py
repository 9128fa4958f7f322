"""A copy on disk of the version that is served, so that the API can start while the registry is away.

Replicas may share the folder: a file is whole when it gets its name, and the artifact's name is its content's hash.
"""

import hashlib
import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from readmit.core.refusal import VersionUnusable
from readmit.core.version import Version

NAMED = "production.json"
OLD_ONES = 2
"""So many artifacts stay beside the one that is served: another replica may still be at the one before."""


class Kept:
    """The copy in one folder, which is made when first something is kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def artifact(self, digest: str) -> bytes | None:
        """The artifact with this SHA-256, if it is here and whole."""
        try:
            found = self._file(digest).read_bytes()
        except FileNotFoundError:
            return None
        return found if hashlib.sha256(found).hexdigest() == digest else None

    def keep(self, version: Version, artifact: bytes) -> None:
        """Keeps a version, in the place of the one before. OSError: it can't be kept."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if self.artifact(version.scorer) is None:
            self._write(self._file(version.scorer), artifact)
        self._write(self._folder / NAMED, json.dumps(asdict(version)).encode())
        others = [file for file in self._folder.glob("scorer-*.json") if file != self._file(version.scorer)]
        for old in sorted(others, key=lambda file: file.stat().st_mtime, reverse=True)[OLD_ONES:]:
            old.unlink(missing_ok=True)

    def last(self) -> tuple[Version, bytes] | None:
        """The version that was kept last; None: none was. VersionUnusable: the copy is damaged."""
        try:
            version = TypeAdapter(Version).validate_json((self._folder / NAMED).read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError as error:
            raise VersionUnusable(f"{self._folder / NAMED} tells of no version") from error
        artifact = self.artifact(version.scorer)
        if artifact is None:
            raise VersionUnusable(f"{self._file(version.scorer)} is not there, or not whole")
        return version, artifact

    def _file(self, digest: str) -> Path:
        return self._folder / f"scorer-{digest}.json"

    def _write(self, file: Path, content: bytes) -> None:
        with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as fresh:
            fresh.write(content)
            fresh.flush()
            os.fsync(fresh.fileno())
        Path(fresh.name).replace(file)
