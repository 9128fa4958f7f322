"""The loaded production model: loaded at startup, when the production alias moves and on request.

A model that serves is replaced only by one that has been loaded and tried.
"""

import asyncio
import contextlib
import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from textwrap import shorten
from time import perf_counter
from typing import Protocol

from api.access_log import FIELDS
from api.errors import ApiError
from api.loaded_model import LoadedModel
from api.metrics import ApiMetrics, PredictionMetrics
from readmit.core.errors import ProductionMissing, ReadmitError, RegistryUnavailable, VersionUnusable
from readmit.core.version import Version

NOT_LOADED = "the production model could not be loaded"
MAX_ERROR_CHARS = 300
"""How much of another component's error message is passed on."""

log = logging.getLogger("readmit.api")
rollback_log = logging.getLogger("readmit.rollbacks")


class ModelSource(Protocol):
    """The source of versions, with copies on disk of the last two for when the registry is unavailable."""

    def production(self) -> Version | None:
        """Return the version in production, None when there is none yet. Raises ReadmitError when it is unavailable."""

    def artifact(self, version: Version) -> bytes:
        """Return the compiled model of a version. Raises ReadmitError when it is unavailable or has another hash."""

    def roll_back(self, to: str | None, by: str, why: str, at: datetime) -> tuple[Version, Version]:
        """Roll production back; return the version before and the one now. Raises RollbackRejected when impossible."""

    def store_copy(self, version: Version, artifact: bytes) -> None:
        """Store a copy of a version that has been loaded. Raises OSError when it cannot be stored."""

    def last_copy(self) -> tuple[Version, bytes] | None:
        """Return the copy that was stored last, if any. Raises ReadmitError when it is damaged."""

    def previous_copy(self) -> tuple[Version, bytes] | None:
        """Return the copy that the last one replaced, if any. Raises ReadmitError when it is damaged."""


class ReloadFailed(ReadmitError):
    """The version in production could not be loaded; the version loaded before continues to serve."""


@dataclass(frozen=True, slots=True)
class ActiveModel:
    """A model that serves. `version`: as last read from the registry; `number`: its number as header bytes."""

    version: Version
    model: LoadedModel
    loaded_at: datetime
    metrics: PredictionMetrics
    number: bytes


class ModelManager:
    """The manager of the model that serves; replacing it is one assignment, so a request sees the old or the new.

    `previous`: the model that served before, still in memory, so that a rollback needs neither the artifact store nor
    the disk. It costs the memory of a second model.
    """

    def __init__(self, models: ModelSource, metrics: ApiMetrics, poll_seconds: float) -> None:
        self._models = models
        self._metrics = metrics
        self._poll_seconds = poll_seconds
        self._reloading = asyncio.Lock()
        self.loaded: ActiveModel | None = None
        self.previous: ActiveModel | None = None
        self.failure: str | None = None
        self.first_load_attempted = asyncio.Event()

    def require_loaded(self) -> ActiveModel:
        """Return the model that serves. Raises ApiError with status 503 when there is none."""
        if self.loaded is None:
            reason = "no model could be loaded; see /health/ready" if self.failure else "no model is in production yet"
            raise ApiError(503, reason)
        return self.loaded

    async def reload(self) -> bool:
        """Load the production version unless it serves already; return whether it changed.

        Raises ReloadFailed when it cannot be loaded.
        """
        async with self._reloading:
            try:
                fresh = await asyncio.to_thread(self._load_if_newer)
            except Exception as error:
                # Any error: whatever is wrong with a new model, the old one must go on serving.
                self.failure = f"{NOT_LOADED}: {_reason(error)}"
                self._metrics.reload_failures.inc()
                raise ReloadFailed(f"{NOT_LOADED}: {_error_summary(error)}") from error
            self.failure = None
            if fresh is not None:
                self._serve(fresh)
            return fresh is not None

    def _serve(self, fresh: ActiveModel) -> None:
        self.previous, self.loaded = self.loaded, fresh
        self._metrics.record_loaded_model(fresh.version, fresh.loaded_at)
        log.info("serving version %s (%s)", fresh.version.number, fresh.version.candidate)

    def _load_if_newer(self) -> ActiveModel | None:
        """Load the production version and store its copy; return None when it serves already or there is none yet.

        Raises ProductionMissing when there is none any more.
        """
        version, old = self._models.production(), self.loaded
        if version is None:
            served = old.version if old is not None else self._last_served()
            if served is not None:
                raise ProductionMissing(f"no version is in production, but version {served.number} was")
            return None
        if old is not None and _is_same_version(old, version):
            # Its verdict may be newer, and its promotion too.
            self.loaded = replace(old, version=version)
            self._metrics.record_promotion(version)
            return None
        if self.previous is not None and _is_same_version(self.previous, version):
            fresh = replace(self.previous, version=version, loaded_at=datetime.now(UTC))
        else:
            fresh = self._activate(version, self._models.artifact(version))
        try:
            self._models.store_copy(version, fresh.model.artifact)
        except OSError as error:
            log.warning("version %s is served, but a copy of it could not be stored: %s", version.number, error)
        return fresh

    def _last_served(self) -> Version | None:
        """Return the version that served before a restart; None when this API has never served one."""
        copy = self._models.last_copy()
        return None if copy is None else copy[0]

    def _activate(self, version: Version, artifact: bytes) -> ActiveModel:
        model, metrics = LoadedModel(version, artifact), self._metrics.prediction_metrics(version)
        return ActiveModel(version, model, datetime.now(UTC), metrics, version.number.encode())

    async def roll_back(self, to: str | None, by: str, why: str) -> tuple[Version, Version]:
        """Roll production back for all instances of the API; return the version before and the one now.

        This instance loads the version at once, or sets `failure`; the others load it when they poll. Raises
        RollbackRejected when there is nothing to roll back to, RegistryUnavailable when the registry does not respond.
        """
        started = perf_counter()
        previous, current = await asyncio.to_thread(self._models.roll_back, to, by, why, datetime.now(UTC))
        with contextlib.suppress(ReloadFailed):
            await self.reload()
        self._log_rollback(previous.number, current.number, by, perf_counter() - started)
        return previous, current

    def _log_rollback(self, replaced: str, version: str, by: str, seconds: float) -> None:
        """Log a rollback, without its reason: that is free text, which both versions carry in the registry."""
        is_served = self.loaded is not None and self.loaded.version.number == version
        outcome = "served" if is_served else "unconfirmed"
        fields = {"version": version, "replaced": replaced, "by": by, "seconds": round(seconds, 3), "outcome": outcome}
        rollback_log.info("production was rolled back", extra={FIELDS: fields})

    async def poll(self) -> None:
        """Load the production model now and check for a new one every `poll_seconds`, until cancelled."""
        while True:
            try:
                await self.reload()
            except ReloadFailed as error:
                await self._load_from_cache()
                log.warning("%s; %s", error, self._served_version())
            self.first_load_attempted.set()
            await asyncio.sleep(self._poll_seconds)

    async def _load_from_cache(self) -> None:
        """Load the last copy on disk when no model serves, or the previous one when that is damaged."""
        for read_copy, name in ((self._models.last_copy, "copy"), (self._models.previous_copy, "previous copy")):
            if self.loaded is not None:
                return
            try:
                copy = await asyncio.to_thread(read_copy)
                if copy is not None:
                    self._serve(await asyncio.to_thread(self._activate, *copy))
            except (ReadmitError, OSError) as error:
                self.failure = f"{self.failure}; the {name} on disk cannot be used either"
                log.warning("the %s of a model on disk cannot be used: %s", name, _error_summary(error))

    def _served_version(self) -> str:
        return f"version {self.loaded.version.number} is still served" if self.loaded else "no model is served"


def _is_same_version(loaded: ActiveModel, version: Version) -> bool:
    return (loaded.version.number, loaded.version.scorer) == (version.number, version.scorer)


def _reason(error: Exception) -> str:
    """Return why a model could not be loaded, for /health: without addresses or another program's messages."""
    if isinstance(error, RegistryUnavailable):
        return "the model registry is unavailable"
    if isinstance(error, ProductionMissing):
        return "no version is in production any more"
    cause = "its artifact is unusable" if isinstance(error, VersionUnusable) else type(error).__name__
    return f"{cause}; see the API log"


def _error_summary(error: Exception) -> str:
    return shorten(f"{type(error).__name__}: {error}", MAX_ERROR_CHARS, placeholder=" ...")
