"""The service behind the read routes: it reads the ledger, the stores and the registry."""

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from api.errors import ApiError, unavailable_message
from api.read_api import cards, days, prospective_list, statistics, versions
from api.read_api.bounded_executor import BoundedExecutor
from api.read_api.paging import Paging
from api.read_api.schemas import (
    BatchList,
    DayList,
    ProspectiveList,
    QuarantineList,
    ServiceItem,
    ServiceList,
    StatisticsResponse,
    VersionDetail,
    VersionList,
)
from api.read_api.service_monitor import ServiceMonitor
from readmit.core.card.model_card import ModelCard
from readmit.core.errors import ReadmitError, StoreUnavailable
from readmit.core.evaluation import VersionEvaluation
from readmit.core.version import Version
from readmit.io.database import run_queries as stored
from readmit.io.database.connection import connect
from readmit.io.registry.rest_registry import RestRegistry
from readmit.settings import Settings

T = TypeVar("T")
DATABASE, SOURCE = "database", "ec2-api"


class ReadService:
    """The read service. Methods raise ApiError or ReadmitError, both a 503, when a dependency is unavailable."""

    def __init__(self, settings: Settings) -> None:
        self._database = _DatabaseReader(settings.database_address)
        self._target: str = settings.target
        self._registry = RestRegistry(settings.mlflow_tracking_uri)
        # Statistics have their own thread and connection, so that slow ones do not delay the other routes.
        self._ledger, self._statistics = BoundedExecutor("the database"), BoundedExecutor("the database")
        self._versions = BoundedExecutor("the registry")
        self._service_monitor = ServiceMonitor(
            dict(settings.services),
            dict(settings.pages),
            {} if settings.source_tls is None else {SOURCE: settings.source_tls},
        )

    async def days(self, paging: Paging, batch: int | None) -> DayList:
        """Return one page of the runs of all batches, or of one."""
        return await self._query_database(partial(days.list_days, paging, batch))

    async def batches(self, paging: Paging) -> BatchList:
        """Return one page of the batches."""
        return await self._query_database(partial(days.list_batches, paging))

    async def quarantine(self, paging: Paging, batch: int | None) -> QuarantineList:
        """Return one page of the quarantine of all batches, or of one."""
        return await self._query_database(partial(days.list_quarantine, paging, batch))

    async def prospective(self, paging: Paging) -> ProspectiveList:
        """Return one page of the evaluations of production versions on later batches."""
        return await self._query_database(partial(prospective_list.list_prospective, paging))

    async def statistics(self, paging: Paging, field: str | None) -> StatisticsResponse:
        """Return one page of the counts of one field, or of all."""
        query = partial(statistics.list_statistics, paging, field, self._target)
        return await self._statistics.run(partial(self._database.query, query))

    async def versions(self, paging: Paging) -> VersionList:
        """Return one page of the registered versions, newest first."""
        registered = list(reversed(await self._versions.run(self._registry.versions)))
        production = await self._versions.run(self._registry.production)
        verdicts = await self._query_database(versions.verdicts)
        items = [versions.version_item(version, production, verdicts) for version in paging.slice(registered)]
        return VersionList(items=items, **paging.position(len(registered)))

    async def version(self, number: str) -> VersionDetail:
        """Return one version in detail. Raises UnknownVersion when there is none of that number."""
        version = await self._versions.run(partial(self._registry.version, number))
        production = await self._versions.run(self._registry.production)
        return await self._query_database(partial(_version_detail, version, production))

    async def card(self, number: str, language: str) -> ModelCard:
        """Return the card of a version. Raises UnknownVersion when there is none of that number."""
        return await self.card_of(await self._versions.run(partial(self._registry.version, number)), language)

    async def card_of(self, version: Version, language: str) -> ModelCard:
        """Return the card of a version in a language of the catalogue."""
        evaluation = None
        if version.evaluation:
            evaluation = await self._versions.run(partial(self._registry.evaluation, version))
        return await self._query_database(partial(cards.read_card, version, evaluation, language))

    async def evaluation(self, number: str) -> VersionEvaluation:
        """Return the evaluation of one version. Raises UnknownVersion or EvaluationMissing when there is none."""
        version = await self._versions.run(partial(self._registry.version, number))
        return await self._versions.run(partial(self._registry.evaluation, version))

    async def services(self, paging: Paging) -> ServiceList:
        """Return one page of the services, the database last."""
        items = [*await self._service_monitor.all(), await self._database_item()]
        return ServiceList(items=paging.slice(items), **paging.position(len(items)))

    async def _query_database(self, query: Callable[[], T]) -> T:
        return await self._ledger.run(partial(self._database.query, query))

    async def _database_item(self) -> ServiceItem:
        try:
            milliseconds = await self._query_database(_milliseconds)
        except ApiError as error:
            return ServiceItem(DATABASE, "down", None, error.detail, None)
        except ReadmitError as error:
            return ServiceItem(DATABASE, "down", None, unavailable_message(error), None)
        return ServiceItem(DATABASE, "up", round(milliseconds, 1), None, None)

    def close(self) -> None:
        """Stop the threads, without waiting for what they do."""
        for resource in (self._ledger, self._statistics, self._versions, self._service_monitor):
            resource.close()


class _DatabaseReader:
    """A database connection that is opened by the first query, so that an API without a database still predicts."""

    def __init__(self, address: str) -> None:
        self._address, self._connected = address, False
        self._connecting = threading.Lock()

    def query(self, call: Callable[[], T]) -> T:
        """Return the result of a query, from any thread. Raises StoreUnavailable when the database is unavailable."""
        with self._connecting:
            if not self._connected:
                self._connect()
                self._connected = True
        return call()

    def _connect(self) -> None:
        try:
            connect(self._address)
        except OSError as error:
            raise StoreUnavailable(f"the database: {error.strerror}") from error


def _version_detail(version: Version, production: Version | None) -> VersionDetail:
    return versions.version_detail(version, production, versions.verdicts())


def _milliseconds() -> float:
    began = time.perf_counter()
    stored.ping()
    return 1000 * (time.perf_counter() - began)
