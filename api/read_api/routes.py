"""The read routes: days, batches, quarantine, versions, prospective evaluations, statistics and services."""

from typing import Annotated, Any

from litestar import get
from litestar.di import NamedDependency
from litestar.params import Parameter
from litestar.types import ControllerRouterHandler

from api import model_examples, openapi_examples
from api.auth import require_api_key
from api.errors import ApiError
from api.openapi import API_KEY_SECURITY, DATA_TAG, MODEL_TAG, OPERATIONS_TAG, responses
from api.read_api.paging import Paging
from api.read_api.schemas import (
    BatchList,
    DayList,
    ProspectiveList,
    QuarantineList,
    ServiceList,
    StatisticsResponse,
    VersionDetail,
    VersionList,
)
from api.read_api.service import ReadService
from api.schemas import FieldError
from readmit.core.evaluation import VersionEvaluation
from readmit.core.suppression import FIELDS_COUNTED

MAX_PER_PAGE = 200
MAX_PAGES = 1_000_000
MAX_BATCHES = 1_000_000
PageNumber = Annotated[int, Parameter(ge=1, le=MAX_PAGES, description="Page number, starting at 1.")]
PerPage = Annotated[int, Parameter(ge=1, le=MAX_PER_PAGE, description="Items per page.")]
BatchNumber = Annotated[int | None, Parameter(ge=1, le=MAX_BATCHES, description="Return only this batch.")]
CountedField = Annotated[str | None, Parameter(description=f"Return only this field: {', '.join(FIELDS_COUNTED)}.")]


def _read_route(tag: str, summary: str, response: type, example: object, *statuses: int) -> dict[str, Any]:
    """Return the options of a read route."""
    return {
        "tags": [tag],
        "summary": summary,
        "guards": [require_api_key],
        "security": API_KEY_SECURITY,
        "responses": responses(response, example, 400, 401, *statuses, 503),
    }


@get("/days", **_read_route(OPERATIONS_TAG, "List pipeline runs", DayList, openapi_examples.DAYS))
async def days(
    reads: NamedDependency[ReadService], batch: BatchNumber = None, page: PageNumber = 1, per_page: PerPage = 50
) -> DayList:
    """Return the runs of each batch with their steps and outcome, newest first."""
    return await reads.days(Paging(page, per_page), batch)


@get("/batches", **_read_route(DATA_TAG, "List batches", BatchList, openapi_examples.BATCHES))
async def batches(reads: NamedDependency[ReadService], page: PageNumber = 1, per_page: PerPage = 50) -> BatchList:
    """Return each batch with its row counts and state, newest first."""
    return await reads.batches(Paging(page, per_page))


@get("/quarantine", **_read_route(DATA_TAG, "List quarantined encounters", QuarantineList, openapi_examples.QUARANTINE))
async def quarantine(
    reads: NamedDependency[ReadService], batch: BatchNumber = None, page: PageNumber = 1, per_page: PerPage = 50
) -> QuarantineList:
    """Return the number of quarantined encounters of each batch by field and reason."""
    return await reads.quarantine(Paging(page, per_page), batch)


@get("/versions", **_read_route(MODEL_TAG, "List model versions", VersionList, openapi_examples.VERSIONS))
async def versions(reads: NamedDependency[ReadService], page: PageNumber = 1, per_page: PerPage = 50) -> VersionList:
    """Return every registered model version with its verdict, newest first."""
    return await reads.versions(Paging(page, per_page))


@get(
    "/versions/{number:str}",
    **_read_route(MODEL_TAG, "Get a model version", VersionDetail, openapi_examples.VERSION, 404),
)
async def version(
    reads: NamedDependency[ReadService], number: Annotated[str, Parameter(description="Version number.")]
) -> VersionDetail:
    """Return one model version with its metrics, confidence intervals, curves, verdict and candidates."""
    return await reads.version(number)


@get(
    "/prospective",
    **_read_route(MODEL_TAG, "List prospective evaluations", ProspectiveList, model_examples.PROSPECTIVE),
)
async def prospective(
    reads: NamedDependency[ReadService], page: PageNumber = 1, per_page: PerPage = 50
) -> ProspectiveList:
    """Return the figures of the version in production on each batch that it had not learned from, newest first."""
    return await reads.prospective(Paging(page, per_page))


@get(
    "/versions/{number:str}/evaluation",
    **_read_route(
        MODEL_TAG, "Get the evaluation of a model version", VersionEvaluation, model_examples.EVALUATION, 404
    ),
)
async def evaluation(
    reads: NamedDependency[ReadService], number: Annotated[str, Parameter(description="Version number.")]
) -> VersionEvaluation:
    """Return discrimination, calibration, net benefit, subgroups and importances on test patients, with intervals.

    Subgroups are merged so that none with 1 to 10 encounters, readmitted or not, is shown.
    """
    return await reads.evaluation(number)


@get(
    "/statistics",
    **_read_route(DATA_TAG, "Get readmission statistics", StatisticsResponse, openapi_examples.STATISTICS),
)
async def statistics(
    reads: NamedDependency[ReadService], field: CountedField = None, page: PageNumber = 1, per_page: PerPage = 200
) -> StatisticsResponse:
    """Return the number of encounters and of readmissions by age, sex, race, diagnosis and batch."""
    if field is not None and field not in FIELDS_COUNTED:
        message = f"must be one of {', '.join(FIELDS_COUNTED)}"
        raise ApiError(400, f"field: {message}", (FieldError("field", message),))
    return await reads.statistics(Paging(page, per_page), field)


@get("/services", **_read_route(OPERATIONS_TAG, "List services", ServiceList, openapi_examples.SERVICES))
async def services(reads: NamedDependency[ReadService], page: PageNumber = 1, per_page: PerPage = 50) -> ServiceList:
    """Return the state of each service and the address of its web page."""
    return await reads.services(Paging(page, per_page))


READ_ROUTES: list[ControllerRouterHandler] = [
    *(days, batches, quarantine, versions, version, evaluation, prospective, statistics, services),
]
