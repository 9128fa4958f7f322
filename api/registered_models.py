"""Versions from the registry, with the copies on disk beside it."""

from datetime import datetime

from readmit.core.version import Version
from readmit.io.model_cache import ModelCache
from readmit.io.registry.rest_registry import RestRegistry


class RegisteredModels:
    """What `serving.Models` asks for."""

    def __init__(self, registry: RestRegistry, kept: ModelCache) -> None:
        self._registry = registry
        self._kept = kept

    def production(self) -> Version | None:
        return self._registry.production()

    def artifact(self, version: Version) -> bytes:
        return self._kept.artifact(version.scorer) or self._registry.scorer(version)

    def roll_back(self, to: str | None, by: str, why: str, at: datetime) -> tuple[Version, Version]:
        return self._registry.roll_back(to, by, why, at)

    def keep(self, version: Version, artifact: bytes) -> None:
        self._kept.keep(version, artifact)

    def kept(self) -> tuple[Version, bytes] | None:
        return self._kept.last()

    def previously_kept(self) -> tuple[Version, bytes] | None:
        return self._kept.previous()
