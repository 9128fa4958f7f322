"""Copies on disk of the version that is served and of the one before, so that the API needs no registry to start.

Replicas may share the folder: a file is whole when it gets its name, and the artifact's name is its content's hash.
"""

import hashlib
import json
import os
import tempfile
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter

from readmit.core.errors import VersionUnusable
from readmit.core.version import Version

CURRENT, PREVIOUS = "production.json", "previous.json"
"""Which version each copy is of. The previous one is what the current one replaced."""
RENAMED_FIELDS = {"placed": "promoted_note", "left": "rolled_back_note"}
"""Fields of a version as copies of release 0.1.0 have them, and their names today."""
MOST_ARTIFACTS = 3
"""The two that are named, and one more: another replica may still be at it."""


class ModelCache:
    """The copies in one folder, which is made when first something is kept."""

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
        """Keeps a version, and the one that it replaces as the previous one. OSError: it can't be kept."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if self.artifact(version.scorer) is None:
            self._write(self._file(version.scorer), artifact)
        previous = self._replaced_by(version)
        if previous is None:
            (self._folder / PREVIOUS).unlink(missing_ok=True)
        else:
            self._write(self._folder / PREVIOUS, json.dumps(asdict(previous)).encode())
        self._write(self._folder / CURRENT, json.dumps(asdict(version)).encode())
        self._remove_old({self._file(each.scorer) for each in (version, previous) if each is not None})

    def _replaced_by(self, version: Version) -> Version | None:
        """Return the kept version that `version` is promoted over.

        One with a higher number is what a person went back from, and one of another target answers another question:
        neither is ever served in place of `version`.
        """
        for name in (CURRENT, PREVIOUS):
            with suppress(VersionUnusable):
                kept = self._named(name)
                if kept and kept.target == version.target and int(kept.number) < int(version.number):
                    return kept
        return None

    def _remove_old(self, needed: set[Path]) -> None:
        others = [file for file in self._folder.glob("scorer-*.json") if file not in needed]
        newest_first = sorted(others, key=lambda file: file.stat().st_mtime, reverse=True)
        for old in newest_first[MOST_ARTIFACTS - len(needed) :]:
            old.unlink(missing_ok=True)

    def last(self) -> tuple[Version, bytes] | None:
        """The version that was kept last; None: none was. VersionUnusable: the copy is damaged."""
        return self._copy(CURRENT)

    def previous(self) -> tuple[Version, bytes] | None:
        """The version that the last one replaced; None: none is kept. VersionUnusable: the copy is damaged."""
        return self._copy(PREVIOUS)

    def _copy(self, name: str) -> tuple[Version, bytes] | None:
        version = self._named(name)
        if version is None:
            return None
        artifact = self.artifact(version.scorer)
        if artifact is None:
            raise VersionUnusable(f"{self._file(version.scorer)} is not there, or not whole")
        return version, artifact

    def _named(self, name: str) -> Version | None:
        try:
            stored = json.loads((self._folder / name).read_bytes())
            return TypeAdapter(Version).validate_python({RENAMED_FIELDS.get(key, key): stored[key] for key in stored})
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise VersionUnusable(f"{self._folder / name} tells of no version") from error

    def _file(self, digest: str) -> Path:
        return self._folder / f"scorer-{digest}.json"

    def _write(self, file: Path, content: bytes) -> None:
        with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as fresh:
            fresh.write(content)
            fresh.flush()
            os.fsync(fresh.fileno())
        Path(fresh.name).replace(file)
