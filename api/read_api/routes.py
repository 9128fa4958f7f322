"""The routes that read: days, batches, quarantine, versions, statistics and services."""

from typing import Annotated, Any

from litestar import get
from litestar.di import NamedDependency
from litestar.params import Parameter
from litestar.types import ControllerRouterHandler

from api import openapi_examples
from api.auth import with_key
from api.errors import ApiError
from api.openapi import WITH_KEY, responses
from api.read_api.paging import Paging
from api.read_api.schemas import (
    BatchList,
    DayList,
    QuarantineList,
    ServiceList,
    StatisticsResponse,
    VersionDetail,
    VersionList,
)
from api.read_api.service import ReadService
from api.schemas import FieldError
from readmit.core.suppression import FIELDS_COUNTED

MOST_PER_PAGE = 200
MOST_PAGES = 1_000_000
MOST_BATCHES = 1_000_000
PageNumber = Annotated[int, Parameter(ge=1, le=MOST_PAGES, description="which page, the first being 1")]
PerPage = Annotated[int, Parameter(ge=1, le=MOST_PER_PAGE, description="how many items a page has")]
BatchNumber = Annotated[int | None, Parameter(ge=1, le=MOST_BATCHES, description="this batch alone")]
Counted = Annotated[str | None, Parameter(description=f"one of {', '.join(FIELDS_COUNTED)}; absent: all of them")]


def _guarded(answer: type, example: object, *statuses: int) -> dict[str, Any]:
    """What all of them declare."""
    told = responses(answer, example, 400, 401, *statuses, 503)
    return {"guards": [with_key], "security": WITH_KEY, "responses": told}


@get("/days", **_guarded(DayList, openapi_examples.DAYS))
async def days(
    reading: NamedDependency[ReadService], batch: BatchNumber = None, page: PageNumber = 1, per_page: PerPage = 50
) -> DayList:
    """What each run did with each batch, step by step, newest first."""
    return await reading.days(Paging(page, per_page), batch)


@get("/batches", **_guarded(BatchList, openapi_examples.BATCHES))
async def batches(reading: NamedDependency[ReadService], page: PageNumber = 1, per_page: PerPage = 50) -> BatchList:
    """What came in each batch, and what became of it, newest first."""
    return await reading.batches(Paging(page, per_page))


@get("/quarantine", **_guarded(QuarantineList, openapi_examples.QUARANTINE))
async def quarantine(
    reading: NamedDependency[ReadService], batch: BatchNumber = None, page: PageNumber = 1, per_page: PerPage = 50
) -> QuarantineList:
    """What was left out of each batch, counted by field and reason."""
    return await reading.quarantine(Paging(page, per_page), batch)


@get("/versions", **_guarded(VersionList, openapi_examples.VERSIONS))
async def versions(reading: NamedDependency[ReadService], page: PageNumber = 1, per_page: PerPage = 50) -> VersionList:
    """Every registered version and the verdict on it, newest first."""
    return await reading.versions(Paging(page, per_page))


@get("/versions/{number:str}", **_guarded(VersionDetail, openapi_examples.VERSION, 404))
async def version(
    reading: NamedDependency[ReadService], number: Annotated[str, Parameter(description="the number of a version")]
) -> VersionDetail:
    """One version: its figures with intervals, its curves, the verdict, and among which candidates it was chosen."""
    return await reading.version(number)


@get("/statistics", **_guarded(StatisticsResponse, openapi_examples.STATISTICS))
async def statistics(
    reading: NamedDependency[ReadService], field: Counted = None, page: PageNumber = 1, per_page: PerPage = 200
) -> StatisticsResponse:
    """How many encounters there are, and how many ended in a readmission, by age, sex, race, diagnosis and batch."""
    if field is not None and field not in FIELDS_COUNTED:
        said = f"is none of {', '.join(FIELDS_COUNTED)}"
        raise ApiError(400, f"field: {said}", (FieldError("field", said),))
    return await reading.statistics(Paging(page, per_page), field)


@get("/services", **_guarded(ServiceList, openapi_examples.SERVICES))
async def services(reading: NamedDependency[ReadService], page: PageNumber = 1, per_page: PerPage = 50) -> ServiceList:
    """Which services answer, and where a person looks at them."""
    return await reading.services(Paging(page, per_page))


READING_ROUTES: list[ControllerRouterHandler] = [days, batches, quarantine, versions, version, statistics, services]
