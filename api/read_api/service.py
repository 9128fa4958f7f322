"""What is read of the ledger, the stores and the registry: a service that the routes ask."""

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from api.errors import ApiError, what_is_away
from api.read_api import days, statistics, versions
from api.read_api.bounded_executor import BoundedExecutor
from api.read_api.paging import Paging
from api.read_api.schemas import (
    BatchList,
    DayList,
    QuarantineList,
    ServiceItem,
    ServiceList,
    StatisticsResponse,
    VersionDetail,
    VersionList,
)
from api.read_api.service_monitor import ServiceMonitor
from readmit.core.errors import ReadmitError, StoreUnavailable
from readmit.core.version import Version
from readmit.io.database import run_queries as stored
from readmit.io.database.connection import connect
from readmit.io.registry.rest_registry import RestRegistry
from readmit.settings import Settings

T = TypeVar("T")
DATABASE = "database"


class ReadService:
    """Every method raises Refused or ReadmitError, each a 503, when who must be asked does not answer."""

    def __init__(self, settings: Settings) -> None:
        self._database = _DatabaseReader(settings.database_address)
        self._target: str = settings.target
        self._registry = RestRegistry(settings.mlflow_tracking_uri)
        # Statistics have a thread and a connection of their own: however slow they are, the other routes answer.
        self._ledger, self._statistics = BoundedExecutor("the database"), BoundedExecutor("the database")
        self._versions = BoundedExecutor("the registry")
        self._answering = ServiceMonitor(dict(settings.services), dict(settings.pages))

    async def days(self, paging: Paging, batch: int | None) -> DayList:
        return await self._of_database(partial(days.days_told, paging, batch))

    async def batches(self, paging: Paging) -> BatchList:
        return await self._of_database(partial(days.batches_told, paging))

    async def quarantine(self, paging: Paging, batch: int | None) -> QuarantineList:
        return await self._of_database(partial(days.quarantine_told, paging, batch))

    async def statistics(self, paging: Paging, field: str | None) -> StatisticsResponse:
        question = partial(statistics.statistics_told, paging, field, self._target)
        return await self._statistics.run(partial(self._database.query, question))

    async def versions(self, paging: Paging) -> VersionList:
        known = list(reversed(await self._versions.run(self._registry.versions)))
        production = await self._versions.run(self._registry.production)
        judged = await self._of_database(versions.verdicts)
        items = [versions.told(each, production, judged) for each in paging.cut(known)]
        return VersionList(items=items, **paging.of(len(known)))

    async def version(self, number: str) -> VersionDetail:
        """VersionUnknown: there is none of that number."""
        version = await self._versions.run(partial(self._registry.version, number))
        production = await self._versions.run(self._registry.production)
        return await self._of_database(partial(_in_full, version, production))

    async def services(self, paging: Paging) -> ServiceList:
        items = [*await self._answering.all(), await self._database_told()]
        return ServiceList(items=paging.cut(items), **paging.of(len(items)))

    async def _of_database(self, question: Callable[[], T]) -> T:
        return await self._ledger.run(partial(self._database.query, question))

    async def _database_told(self) -> ServiceItem:
        try:
            took = await self._of_database(_milliseconds)
        except ApiError as error:
            return ServiceItem(DATABASE, "down", None, error.detail, None)
        except ReadmitError as error:
            return ServiceItem(DATABASE, "down", None, what_is_away(error), None)
        return ServiceItem(DATABASE, "up", round(took, 1), None, None)

    def close(self) -> None:
        for each in (self._ledger, self._statistics, self._versions, self._answering):
            each.close()


class _DatabaseReader:
    """Nothing is made or opened before somebody asks: an API without a database predicts all the same."""

    def __init__(self, address: str) -> None:
        self._address, self._connected = address, False
        self._connecting = threading.Lock()

    def query(self, question: Callable[[], T]) -> T:
        """Return the answer, from any thread. Raises StoreAway when the database cannot be reached."""
        with self._connecting:
            if not self._connected:
                self._connect()
                self._connected = True
        return question()

    def _connect(self) -> None:
        try:
            connect(self._address)
        except OSError as error:
            raise StoreUnavailable(f"the database: {error.strerror}") from error


def _in_full(version: Version, production: Version | None) -> VersionDetail:
    return versions.told_in_full(version, production, versions.verdicts())


def _milliseconds() -> float:
    began = time.perf_counter()
    stored.answers()
    return 1000 * (time.perf_counter() - began)
