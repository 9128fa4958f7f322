"""On-disk cache of the served version and the previous one, so that the API can start without the registry.

Replicas may share the folder: a file is renamed into place once complete, and artifacts are named by their SHA-256.
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
"""Metadata of the cached versions; the previous one is the one that the current one replaced."""
RENAMED_FIELDS = {"placed": "promoted_note", "left": "rolled_back_note"}
"""Field names of a version in files of release 0.1.0, and the current names."""
MAX_ARTIFACTS = 3
"""The current and the previous one, and one more that another replica may still be writing."""


class ModelCache:
    """The cached versions in one folder, which is created at the first write."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def artifact(self, digest: str) -> bytes | None:
        """Return the artifact with this SHA-256; None when it is missing or damaged."""
        try:
            content = self._file(digest).read_bytes()
        except FileNotFoundError:
            return None
        return content if hashlib.sha256(content).hexdigest() == digest else None

    def store(self, version: Version, artifact: bytes) -> None:
        """Store a version, and keep the one that it replaces as the previous one.

        Raises OSError when a file can't be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        if self.artifact(version.scorer) is None:
            self._write(self._file(version.scorer), artifact)
        previous = self._replaced_version(version)
        if previous is None:
            (self._folder / PREVIOUS).unlink(missing_ok=True)
        else:
            self._write(self._folder / PREVIOUS, json.dumps(asdict(previous)).encode())
        self._write(self._folder / CURRENT, json.dumps(asdict(version)).encode())
        self._remove_old({self._file(cached.scorer) for cached in (version, previous) if cached is not None})

    def _replaced_version(self, version: Version) -> Version | None:
        """Return the cached version that `version` replaces.

        A higher number means that somebody rolled back from that version, and another target is another outcome:
        neither is ever served in place of `version`.
        """
        for name in (CURRENT, PREVIOUS):
            with suppress(VersionUnusable):
                cached = self._read_version(name)
                if cached and cached.target == version.target and int(cached.number) < int(version.number):
                    return cached
        return None

    def _remove_old(self, needed: set[Path]) -> None:
        unused = [file for file in self._folder.glob("scorer-*.json") if file not in needed]
        newest_first = sorted(unused, key=lambda file: file.stat().st_mtime, reverse=True)
        for old in newest_first[MAX_ARTIFACTS - len(needed) :]:
            old.unlink(missing_ok=True)

    def current(self) -> tuple[Version, bytes] | None:
        """Return the version stored last; None when there is none. Raises VersionUnusable when it is damaged."""
        return self._load(CURRENT)

    def previous(self) -> tuple[Version, bytes] | None:
        """Return the version before it; None when there is none. Raises VersionUnusable when it is damaged."""
        return self._load(PREVIOUS)

    def _load(self, name: str) -> tuple[Version, bytes] | None:
        version = self._read_version(name)
        if version is None:
            return None
        artifact = self.artifact(version.scorer)
        if artifact is None:
            raise VersionUnusable(f"{self._file(version.scorer)} is missing or damaged")
        return version, artifact

    def _read_version(self, name: str) -> Version | None:
        try:
            stored = json.loads((self._folder / name).read_bytes())
            return TypeAdapter(Version).validate_python({RENAMED_FIELDS.get(key, key): stored[key] for key in stored})
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise VersionUnusable(f"{self._folder / name} is not the metadata of a version") from error

    def _file(self, digest: str) -> Path:
        return self._folder / f"scorer-{digest}.json"

    def _write(self, file: Path, content: bytes) -> None:
        with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as temporary:
            temporary.write(content)
            temporary.flush()
            os.fsync(temporary.fileno())
        Path(temporary.name).replace(file)
