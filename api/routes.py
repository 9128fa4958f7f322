"""The routes for predictions, health and the model: each parses a request, calls a service and returns a response."""

from typing import Annotated, Any

from litestar import MediaType, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, Parameter
from litestar.types import ControllerRouterHandler

from api import openapi_examples
from api.auth import require_api_key, require_reload_token
from api.docs_page import asset, docs, openapi_json, schema
from api.errors import ApiError, nested_too_deeply, request_id
from api.headers import VERSION_HEADER
from api.metrics import ApiMetrics
from api.model_manager import ModelManager
from api.openapi import (
    API_KEY_SECURITY,
    MODEL_TAG,
    OPERATIONS_TAG,
    PREDICTION_TAG,
    RELOAD_TOKEN_SECURITY,
    BatchOperation,
    PredictOperation,
    RollbackOperation,
    file_response,
    responses,
)
from api.prediction_service import PredictionService
from api.request_parsing import (
    CSV,
    JSON,
    MAX_BATCH_BYTES,
    MAX_BODY_BYTES,
    PARQUET,
    ZIP,
    decode_utf8,
    parse_encounter,
    read_body,
    request_content_type,
    response_content_type,
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
from readmit.core.production_history import validate_note
from readmit.core.version import MODEL

AnyRequest = Request[Any, Any, Any]
METRICS_TYPE = "text/plain; version=0.0.4"
"""Litestar adds the charset."""


@post(
    "/predict",
    status_code=200,
    tags=[PREDICTION_TAG],
    summary="Predict readmission for one encounter",
    guards=[require_api_key],
    security=API_KEY_SECURITY,
    operation_class=PredictOperation,
    responses=responses(PredictionResponse, openapi_examples.PREDICTION, 400, 401, 413, 415, 422, 503),
)
async def predict(
    request: AnyRequest,
    predictions: NamedDependency[PredictionService],
    explain: Annotated[bool, Parameter(description="Include the contribution of each field to the score.")] = False,
) -> Response[PredictionResponse]:
    """Return the probability that the patient is readmitted after this encounter.

    A stay that ended in death or hospice gets status 422.
    """
    request_content_type(request, JSON)
    encounter = parse_encounter(decode_utf8(await read_body(request, MAX_BODY_BYTES)))
    prediction = await predictions.predict(encounter, request_id(request.scope), explain)
    return Response(prediction, headers={VERSION_HEADER: prediction.model_version})


@post(
    "/predict_batch",
    status_code=200,
    request_max_body_size=MAX_BATCH_BYTES,
    tags=[PREDICTION_TAG],
    summary="Predict readmission for a batch",
    guards=[require_api_key],
    security=API_KEY_SECURITY,
    operation_class=BatchOperation,
    responses=responses(
        BatchPredictionResponse,
        openapi_examples.BATCH_PREDICTION,
        400,
        401,
        406,
        413,
        415,
        503,
        description="One item per record, in order.",
    ),
)
async def predict_batch(request: AnyRequest, predictions: NamedDependency[PredictionService]) -> Response[bytes]:
    """Return a prediction for each encounter of a JSON array, or of a CSV or Parquet file, which may be zipped.

    An invalid record gets an error in its place, and a stay that ended in death or hospice is `not_applicable`.
    """
    content_type = request_content_type(request, JSON, CSV, PARQUET, ZIP)
    response_type = response_content_type(request, JSON, CSV, PARQUET)
    body = await read_body(request, MAX_BATCH_BYTES)
    loaded, response = await predictions.predict_batch(body, content_type, response_type, request_id(request.scope))
    return Response(response, media_type=response_type, headers={VERSION_HEADER: loaded.version.number})


def _health(manager: ModelManager) -> HealthResponse:
    loaded = manager.loaded
    return HealthResponse(
        message="Readmit: POST an encounter to /predict; see /docs",
        status="healthy" if loaded else "unhealthy",
        model_loaded=loaded is not None,
        model_version=loaded.version.number if loaded else None,
        model_loaded_at=loaded.loaded_at if loaded else None,
        reload_failure=manager.failure,
    )


@get(
    "/",
    sync_to_thread=False,
    tags=[OPERATIONS_TAG],
    summary="Report health at the root",
    responses=responses(HealthResponse, openapi_examples.HEALTH),
)
def root(manager: NamedDependency[ModelManager]) -> HealthResponse:
    """Return the same response as /health."""
    return _health(manager)


@get(
    "/health",
    sync_to_thread=False,
    tags=[OPERATIONS_TAG],
    summary="Report health",
    responses=responses(HealthResponse, openapi_examples.HEALTH),
)
def health(manager: NamedDependency[ModelManager]) -> HealthResponse:
    """Return the health of the API and the loaded model version; `status` is "unhealthy" without a model.

    The HTTP status is always 200.
    """
    return _health(manager)


@get(
    "/health/live",
    sync_to_thread=False,
    tags=[OPERATIONS_TAG],
    summary="Report liveness",
    responses=responses(LivenessResponse, openapi_examples.LIVENESS),
)
def live() -> LivenessResponse:
    """Return status 200 while the process runs."""
    return LivenessResponse("alive")


@get(
    "/health/ready",
    sync_to_thread=False,
    tags=[OPERATIONS_TAG],
    summary="Report readiness",
    responses={
        **responses(HealthResponse, openapi_examples.HEALTH),
        503: ResponseSpec(HealthResponse, generate_examples=False, description="No model is loaded."),
    },
)
def ready(manager: NamedDependency[ModelManager]) -> Response[HealthResponse]:
    """Return status 200 when a model is loaded, 503 otherwise."""
    return Response(_health(manager), status_code=200 if manager.loaded else 503, media_type=MediaType.JSON)


@get(
    "/model",
    sync_to_thread=False,
    tags=[MODEL_TAG],
    summary="Get the loaded model version",
    guards=[require_api_key],
    security=API_KEY_SECURITY,
    responses=responses(ModelResponse, openapi_examples.MODEL, 401, 503),
)
def model(manager: NamedDependency[ModelManager]) -> ModelResponse:
    """Return the model version that serves predictions: its origin, threshold and metrics."""
    loaded = manager.require_loaded()
    version = loaded.version
    return ModelResponse(
        MODEL,
        version.number,
        version.candidate,
        version.target,
        version.threshold,
        version.batch,
        version.snapshot,
        version.code,
        version.run_id,
        version.figures,
        loaded.loaded_at,
    )


@post(
    "/reload_model",
    status_code=200,
    tags=[MODEL_TAG],
    summary="Load the production model",
    guards=[require_reload_token],
    security=RELOAD_TOKEN_SECURITY,
    responses=responses(ReloadResponse, openapi_examples.RELOAD, 401, 503),
)
async def reload_model(manager: NamedDependency[ModelManager]) -> ReloadResponse:
    """Load the version that is in production now. If that fails, the current model continues to serve."""
    changed = await manager.reload()
    return ReloadResponse(manager.loaded.version.number if manager.loaded else None, changed)


@post(
    "/rollback",
    status_code=200,
    tags=[MODEL_TAG],
    summary="Roll back production",
    guards=[require_reload_token],
    security=RELOAD_TOKEN_SECURITY,
    operation_class=RollbackOperation,
    exception_handlers={RecursionError: nested_too_deeply},
    responses=responses(RollbackResponse, openapi_examples.ROLLBACK_RESPONSE, 400, 401, 409, 422, 503),
)
async def rollback(data: JSONBody[RollbackRequest], manager: NamedDependency[ModelManager]) -> RollbackResponse:
    """Put the previous version, or the given one, back into production, and record who did it and why."""
    for name in ("by", "why"):
        try:
            validate_note(name, getattr(data, name))
        except RollbackRejected as error:
            raise ApiError(422, str(error), (FieldError(name, str(error)),)) from error
    previous, current = await manager.roll_back(data.version, data.by, data.why)
    is_served = manager.loaded is not None and manager.loaded.version.number == current.number
    return RollbackResponse(current.number, previous.number, is_served)


@get(
    "/metrics",
    sync_to_thread=False,
    tags=[OPERATIONS_TAG],
    summary="Get the metrics",
    responses=file_response("text/plain", example=openapi_examples.METRICS),
)
def metrics_text(metrics: NamedDependency[ApiMetrics]) -> Response[bytes]:
    """Return the API's metrics in Prometheus' text format."""
    return Response(metrics.text(), media_type=METRICS_TYPE)


ROUTES: list[ControllerRouterHandler] = [
    *(predict, predict_batch),
    *(root, health, live, ready, model, metrics_text),
    *(reload_model, rollback),
    *(docs, asset, schema, openapi_json),
]
