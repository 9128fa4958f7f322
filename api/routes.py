"""The routes: each takes a request apart, asks a service and answers."""

from typing import Annotated, Any

from litestar import MediaType, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, Parameter
from litestar.types import ControllerRouterHandler

from api import openapi_examples
from api.auth import with_key, with_token
from api.docs_page import assets, docs
from api.errors import ApiError, nested_too_deeply, request_id
from api.metrics import ApiMetrics
from api.model_manager import ModelManager
from api.openapi import (
    WITH_KEY,
    WITH_TOKEN,
    BatchOperation,
    PredictOperation,
    RollbackOperation,
    responses,
)
from api.prediction_service import PredictionService
from api.request_parsing import (
    CSV,
    JSON,
    MOST_BATCH_BYTES,
    MOST_BYTES,
    PARQUET,
    answer_type,
    bytes_of,
    content_type,
    one,
    utf8,
)
from api.schemas import (
    BatchPredictionResponse,
    FieldError,
    HealthResponse,
    LivenessResponse,
    ModelResponse,
    PredictionResponse,
    ReloadResponse,
    RollbackRequest,
    RollbackResponse,
)
from readmit.core.errors import RollbackRejected
from readmit.core.production_history import words
from readmit.core.version import MODEL

AnyRequest = Request[Any, Any, Any]
VERSION_HEADER = "X-Model-Version"


@post(
    "/predict",
    status_code=200,
    guards=[with_key],
    security=WITH_KEY,
    operation_class=PredictOperation,
    responses=responses(PredictionResponse, openapi_examples.ANSWER, 400, 401, 413, 415, 422, 503),
)
async def predict(
    request: AnyRequest,
    predicting: NamedDependency[PredictionService],
    explain: Annotated[bool, Parameter(description="also what each field adds to the score")] = False,
) -> Response[PredictionResponse]:
    """The probability that the patient of one encounter is readmitted; 422 where the stay ended in death or hospice."""
    content_type(request, JSON)
    encounter = one(utf8(await bytes_of(request, MOST_BYTES)))
    answer = await predicting.one(encounter, request_id(request.scope), explain)
    return Response(answer, headers={VERSION_HEADER: answer.model_version})


@post(
    "/predict_batch",
    status_code=200,
    request_max_body_size=MOST_BATCH_BYTES,
    guards=[with_key],
    security=WITH_KEY,
    operation_class=BatchOperation,
    responses=responses(
        BatchPredictionResponse,
        openapi_examples.BATCH,
        400,
        401,
        406,
        413,
        415,
        503,
        answered="as many answers as records, in order",
    ),
)
async def predict_batch(request: AnyRequest, predicting: NamedDependency[PredictionService]) -> Response[bytes]:
    """The same for many encounters, as JSON array, CSV or Parquet; a record that is none has its error in its place.

    A stay that ended in death or hospice is `not_applicable`: no prediction, and no failure.
    """
    kind, wanted = content_type(request, JSON, CSV, PARQUET), answer_type(request)
    body = await bytes_of(request, MOST_BATCH_BYTES)
    loaded, answers = await predicting.many(body, kind, wanted, request_id(request.scope))
    return Response(answers, media_type=wanted, headers={VERSION_HEADER: loaded.version.number})


def _health(serving: ModelManager) -> HealthResponse:
    loaded = serving.loaded
    return HealthResponse(
        message="Readmit: POST an encounter to /predict; /docs tells how",
        status="healthy" if loaded else "unhealthy",
        model_loaded=loaded is not None,
        model_version=loaded.version.number if loaded else None,
        model_loaded_at=loaded.loaded_at if loaded else None,
        reload_failure=serving.failure,
    )


@get(["/", "/health"], sync_to_thread=False, responses=responses(HealthResponse, openapi_examples.HEALTH))
def health(serving: NamedDependency[ModelManager]) -> HealthResponse:
    """How the API is: status 200 as long as it answers, the truth in the body."""
    return _health(serving)


@get("/health/live", sync_to_thread=False, responses=responses(LivenessResponse, openapi_examples.ALIVE))
def live() -> LivenessResponse:
    """The process answers."""
    return LivenessResponse("alive")


@get(
    "/health/ready",
    sync_to_thread=False,
    responses={
        **responses(HealthResponse, openapi_examples.HEALTH),
        503: ResponseSpec(HealthResponse, generate_examples=False, description="no model is loaded"),
    },
)
def ready(serving: NamedDependency[ModelManager]) -> Response[HealthResponse]:
    """A model is loaded: 200, else 503."""
    return Response(_health(serving), status_code=200 if serving.loaded else 503, media_type=MediaType.JSON)


@get(
    "/model",
    sync_to_thread=False,
    guards=[with_key],
    security=WITH_KEY,
    responses=responses(ModelResponse, openapi_examples.MODEL, 401, 503),
)
def model(serving: NamedDependency[ModelManager]) -> ModelResponse:
    """The version that is served: what it was made from and how it was judged."""
    loaded = serving.require_loaded()
    v = loaded.version
    return ModelResponse(
        MODEL,
        v.number,
        v.candidate,
        v.target,
        v.threshold,
        v.batch,
        v.snapshot,
        v.code,
        v.run_id,
        v.figures,
        loaded.loaded_at,
    )


@post(
    "/reload_model",
    status_code=200,
    guards=[with_token],
    security=WITH_TOKEN,
    responses=responses(ReloadResponse, openapi_examples.RELOADED, 401, 503),
)
async def reload_model(serving: NamedDependency[ModelManager]) -> ReloadResponse:
    """Loads what is in production now. When that fails the old model goes on serving."""
    changed = await serving.reload()
    return ReloadResponse(serving.loaded.version.number if serving.loaded else None, changed)


@post(
    "/rollback",
    status_code=200,
    guards=[with_token],
    security=WITH_TOKEN,
    operation_class=RollbackOperation,
    exception_handlers={RecursionError: nested_too_deeply},
    responses=responses(RollbackResponse, openapi_examples.ROLLED_BACK, 400, 401, 409, 422, 503),
)
async def rollback(data: JSONBody[RollbackRequest], serving: NamedDependency[ModelManager]) -> RollbackResponse:
    """Puts the version that served before back into production, or the one that is named; who and why is noted."""
    for name in ("by", "why"):
        try:
            words(name, getattr(data, name))
        except RollbackRejected as error:
            raise ApiError(422, str(error), (FieldError(name, str(error)),)) from error
    left, goal = await serving.roll_back(data.version, data.by, data.why)
    served = serving.loaded is not None and serving.loaded.version.number == goal.number
    return RollbackResponse(goal.number, left.number, served)


@get("/metrics", include_in_schema=False, sync_to_thread=False)
def prometheus(metrics: NamedDependency[ApiMetrics]) -> Response[bytes]:
    """For Prometheus."""
    return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


ROUTES: list[ControllerRouterHandler] = [
    *(predict, predict_batch),
    *(health, live, ready, model, prometheus),
    *(reload_model, rollback, docs, assets),
]
