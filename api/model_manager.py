"""The production model in hand: loaded at start, when the alias moves and when told; never given up for a worse one."""

import asyncio
import contextlib
import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from textwrap import shorten
from typing import Protocol

from api.errors import ApiError
from api.loaded_model import LoadedModel
from api.metrics import ApiMetrics, PredictionMetrics
from readmit.core.errors import ReadmitError, RegistryUnavailable, VersionUnusable
from readmit.core.version import Version

NOT_LOADED = "the production model could not be loaded"
MOST_WORDS = 300
"""Characters of another's error that are passed on."""

log = logging.getLogger("readmit.api")


class ModelSource(Protocol):
    """Where versions come from, and where the last two are kept for a bad day."""

    def production(self) -> Version | None:
        """The version in production; None: there is none yet. ReadmitError: who knows it does not answer."""

    def artifact(self, version: Version) -> bytes:
        """The compiled model of that version. ReadmitError: it can't be had, or is not what the version says."""

    def roll_back(self, to: str | None, by: str, why: str, at: datetime) -> tuple[Version, Version]:
        """Puts an earlier version into production: from which, and to which. RollbackRefused: there is none."""

    def keep(self, version: Version, artifact: bytes) -> None:
        """Keeps a version that proved good. OSError: it can't be kept."""

    def kept(self) -> tuple[Version, bytes] | None:
        """What was kept last, if anything was. ReadmitError: it is damaged."""

    def previously_kept(self) -> tuple[Version, bytes] | None:
        """What that one replaced, if it is kept. ReadmitError: it is damaged."""


class ReloadFailed(ReadmitError):
    """The version in production could not be loaded; what was served before still is."""


@dataclass(frozen=True, slots=True)
class ActiveModel:
    """`asked`: the version as the registry named it last; `number`: the same on the wire."""

    version: Version
    model: LoadedModel
    loaded_at: datetime
    metrics: PredictionMetrics
    number: bytes


class ModelManager:
    """Serves one model; replacing it is one assignment, so that a request sees the old or the new one.

    `previous`: the one that was served before, ready to serve, so that a rollback needs neither the artifact store nor
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
        self.tried = asyncio.Event()

    def require_loaded(self) -> ActiveModel:
        """What is served. Refused: 503, nothing is."""
        if self.loaded is None:
            why = (
                "no model could be loaded; /health/ready tells why" if self.failure else "no model is in production yet"
            )
            raise ApiError(503, why)
        return self.loaded

    async def reload(self) -> bool:
        """Loads what is in production, if it is not served already; whether it changed. ReloadFailed."""
        async with self._reloading:
            try:
                fresh = await asyncio.to_thread(self._load_if_newer)
            except Exception as error:
                self.failure = f"{NOT_LOADED}: {_reason(error)}"
                self._metrics.reload_failures.inc()
                raise ReloadFailed(f"{NOT_LOADED}: {_in_short(error)}") from error
            self.failure = None
            if fresh is not None:
                self._serve(fresh)
            return fresh is not None

    def _serve(self, fresh: ActiveModel) -> None:
        self.previous, self.loaded = self.loaded, fresh
        self._metrics.model_loaded(fresh.version, fresh.loaded_at)
        log.info("serving version %s (%s)", fresh.version.number, fresh.version.candidate)

    def _load_if_newer(self) -> ActiveModel | None:
        """The production version if it is another than the one served, and good; kept on disk before it is served."""
        version, old = self._models.production(), self.loaded
        if version is None:
            return None
        if old is not None and _is(old, version):
            # It may have been judged meanwhile.
            self.loaded = replace(old, version=version)
            return None
        if self.previous is not None and _is(self.previous, version):
            fresh = replace(self.previous, version=version, loaded_at=datetime.now(UTC))
        else:
            fresh = self._loaded(version, self._models.artifact(version))
        try:
            self._models.keep(version, fresh.model.artifact)
        except OSError as error:
            log.warning("version %s is served, but no copy of it could be kept: %s", version.number, error)
        return fresh

    def _loaded(self, version: Version, artifact: bytes) -> ActiveModel:
        model, metrics = LoadedModel(version, artifact), self._metrics.predicting(version)
        return ActiveModel(version, model, datetime.now(UTC), metrics, version.number.encode())

    async def roll_back(self, to: str | None, by: str, why: str) -> tuple[Version, Version]:
        """Puts an earlier version into production, for all: from which, and to which. RollbackRefused, RegistryAway.

        The others find out as they keep up; here it is loaded at once, unless it can't be: then `failure` says why.
        """
        left, goal = await asyncio.to_thread(self._models.roll_back, to, by, why, datetime.now(UTC))
        log.info("version %s rolled back to version %s by %s: %s", left.number, goal.number, by, why)
        with contextlib.suppress(ReloadFailed):
            await self.reload()
        return left, goal

    async def poll(self) -> None:
        """Asks for the production model now and every `poll_seconds`, for ever."""
        while True:
            try:
                await self.reload()
            except ReloadFailed as error:
                await self._load_from_cache()
                log.warning("%s; %s", error, self._served_version())
            self.tried.set()
            await asyncio.sleep(self._poll_seconds)

    async def _load_from_cache(self) -> None:
        """Who has nothing to serve takes what was kept when last something was; if that is damaged, the one before."""
        for kept, name in ((self._models.kept, "copy"), (self._models.previously_kept, "previous copy")):
            if self.loaded is not None:
                return
            try:
                found = await asyncio.to_thread(kept)
                if found is not None:
                    self._serve(await asyncio.to_thread(self._loaded, *found))
            except (ReadmitError, OSError) as error:
                self.failure = f"{self.failure}; the {name} on disk cannot be used either"
                log.warning("the %s of a model on disk cannot be used: %s", name, _in_short(error))

    def _served_version(self) -> str:
        return f"version {self.loaded.version.number} is served" if self.loaded else "no model is served"


def _is(loaded: ActiveModel, version: Version) -> bool:
    return (loaded.version.number, loaded.version.scorer) == (version.number, version.scorer)


def _reason(error: Exception) -> str:
    """Return why a model could not be loaded, for /health: no address and no text of another program."""
    if isinstance(error, RegistryUnavailable):
        return "the model registry does not answer"
    kind = "its artifact is unusable" if isinstance(error, VersionUnusable) else type(error).__name__
    return f"{kind} (the log has the details)"


def _in_short(error: Exception) -> str:
    return shorten(f"{type(error).__name__}: {error}", MOST_WORDS, placeholder=" ...")
