"""The production model in hand: loaded at start, when the alias moves and when told; never given up for a worse one."""

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from textwrap import shorten
from typing import Protocol

from api.errors import Refused
from api.metrics import Metrics
from api.scoring import EXAMPLE, scores
from readmit.core.refusal import ReadmitError
from readmit.core.request import parse
from readmit.core.served import ServedModel
from readmit.core.version import Version

MOST_WORDS = 300
"""Characters of another's error that are passed on."""

log = logging.getLogger("readmit.api")


class Models(Protocol):
    """Where versions come from. Both raise ReadmitError when it does not answer."""

    def production(self) -> Version | None:
        """The version in production; None: there is none yet."""

    def load(self, version: Version) -> ServedModel:
        """That version, ready to predict."""


class ReloadFailed(ReadmitError):
    """The version in production could not be loaded; what was served before still is."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """`asked`: the version as the registry named it."""

    asked: Version
    model: ServedModel
    at: datetime


class Serving:
    """Holds at most one model; replacing it is one assignment, so that a request sees the old or the new one."""

    def __init__(self, models: Models, metrics: Metrics, poll_seconds: float) -> None:
        self._models = models
        self._metrics = metrics
        self._poll_seconds = poll_seconds
        self._reloading = asyncio.Lock()
        self.loaded: Loaded | None = None
        self.failure: str | None = None
        self.tried = asyncio.Event()

    def in_hand(self) -> Loaded:
        """What is served. Refused: 503, nothing is."""
        if self.loaded is None:
            why = (
                "no model could be loaded; /health/ready tells why" if self.failure else "no model is in production yet"
            )
            raise Refused(503, why)
        return self.loaded

    async def reload(self) -> bool:
        """Loads what is in production, if it is not served already; whether it changed. ReloadFailed."""
        async with self._reloading:
            try:
                fresh = await asyncio.to_thread(self._fresh)
            except Exception as error:
                words = shorten(f"{type(error).__name__}: {error}", MOST_WORDS, placeholder=" ...")
                self.failure = f"the production model could not be loaded: {words}"
                self._metrics.reload_failures.inc()
                raise ReloadFailed(self.failure) from error
            self.failure = None
            if fresh is None:
                return False
            self.loaded = fresh
            self._metrics.model_loaded(fresh.model.version, fresh.at)
            log.info("serving version %s (%s)", fresh.asked.number, fresh.asked.candidate)
            return True

    def _fresh(self) -> Loaded | None:
        """The production version if it is another than the one served, tried on one encounter."""
        version = self._models.production()
        if version is None or (self.loaded is not None and self.loaded.asked == version):
            return None
        model = self._models.load(version)
        (probability,) = scores(model, [parse(EXAMPLE)])
        if not 0 <= probability <= 1:
            raise ReloadFailed(f"version {version.number} answers {probability} for a probability")
        return Loaded(version, model, datetime.now(UTC))

    async def keep_up(self) -> None:
        """Asks for the production model now and every `poll_seconds`, for ever."""
        while True:
            try:
                await self.reload()
            except ReloadFailed as error:
                log.warning("%s; %s", error, self._still())
            self.tried.set()
            await asyncio.sleep(self._poll_seconds)

    def _still(self) -> str:
        return f"version {self.loaded.asked.number} is still served" if self.loaded else "no model is served"
