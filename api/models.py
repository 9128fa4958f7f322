"""Versions from the registry, with the copy on disk beside it."""

from readmit.io.registry.rest import RestRegistry

from readmit.core.version import Version
from readmit.io.kept import Kept


class RegisteredModels:
    """What `serving.Models` asks for."""

    def __init__(self, registry: RestRegistry, kept: Kept) -> None:
        self._registry = registry
        self._kept = kept

    def production(self) -> Version | None:
        return self._registry.production()

    def artifact(self, version: Version) -> bytes:
        return self._kept.artifact(version.scorer) or self._registry.scorer(version)

    def keep(self, version: Version, artifact: bytes) -> None:
        self._kept.keep(version, artifact)

    def kept(self) -> tuple[Version, bytes] | None:
        return self._kept.last()
