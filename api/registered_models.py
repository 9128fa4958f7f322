"""Versions from the model registry, with copies on disk."""

from datetime import datetime

from readmit.core.version import Version
from readmit.io.model_cache import ModelCache
from readmit.io.registry.rest_registry import RestRegistry


class RegisteredModels:
    """The `ModelSource` of the API: MLflow's registry and a cache on disk."""

    def __init__(self, registry: RestRegistry, cache: ModelCache) -> None:
        self._registry = registry
        self._cache = cache

    def production(self) -> Version | None:
        """Return the version in production, if any."""
        return self._registry.production()

    def artifact(self, version: Version) -> bytes:
        """Return the compiled model of a version, from disk when it is there."""
        return self._cache.artifact(version.scorer) or self._registry.scorer(version)

    def roll_back(self, to: str | None, by: str, why: str, at: datetime) -> tuple[Version, Version]:
        """Roll production back; return the version before and the one now."""
        return self._registry.roll_back(to, by, why, at)

    def store_copy(self, version: Version, artifact: bytes) -> None:
        """Store a copy of a version on disk."""
        self._cache.store(version, artifact)

    def last_copy(self) -> tuple[Version, bytes] | None:
        """Return the copy that was stored last, if any."""
        return self._cache.current()

    def previous_copy(self) -> tuple[Version, bytes] | None:
        """Return the copy that the last one replaced, if any."""
        return self._cache.previous()
