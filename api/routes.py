"""The routes: each takes a request apart, asks a service and answers."""

import hmac
from typing import Any

from litestar import MediaType, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec

from api.body import CSV, JSON, MOST_BATCH_BYTES, MOST_BYTES, answer_type, content_type, one, text_of
from api.contract import DOCS, TOKEN, BatchOperation, PredictOperation, errors
from api.errors import Refused, request_id
from api.metrics import Metrics
from api.predicting import Predicting
from api.serving import Serving
from api.wire import Alive, Answer, BatchAnswer, Health, Model, Reloaded
from readmit.core.version import MODEL
from readmit.settings import SettingError, Settings

AnyRequest = Request[Any, Any, Any]


@post("/predict", status_code=200, operation_class=PredictOperation, responses=errors(400, 413, 415, 422, 503))
async def predict(request: AnyRequest, predicting: NamedDependency[Predicting]) -> Answer:
    """The probability that the patient of one encounter is readmitted."""
    content_type(request, JSON)
    encounter = one(await text_of(request, MOST_BYTES))
    return await predicting.one(encounter, request_id(request.scope))


@post(
    "/predict_batch",
    status_code=200,
    request_max_body_size=MOST_BATCH_BYTES,
    operation_class=BatchOperation,
    responses={
        200: ResponseSpec(BatchAnswer, generate_examples=False, description="as many answers as records, in order"),
        **errors(400, 406, 413, 415, 503),
    },
)
async def predict_batch(request: AnyRequest, predicting: NamedDependency[Predicting]) -> Response[bytes]:
    """The same for many encounters, as a JSON array or CSV; a record that is none has its error in its place."""
    kind, wanted = content_type(request, JSON, CSV), answer_type(request)
    text = await text_of(request, MOST_BATCH_BYTES)
    answers = await predicting.many(text, kind, wanted, request_id(request.scope))
    return Response(answers, media_type=wanted)


def _health(serving: Serving) -> Health:
    loaded = serving.loaded
    return Health(
        message="Readmit: POST an encounter to /predict; /docs tells how",
        status="healthy" if loaded else "unhealthy",
        model_loaded=loaded is not None,
        model_version=loaded.model.version.number if loaded else None,
        model_loaded_at=loaded.at if loaded else None,
        reload_failure=serving.failure,
    )


@get(["/", "/health"], sync_to_thread=False, responses=errors())
def health(serving: NamedDependency[Serving]) -> Health:
    """How the API is: status 200 as long as it answers, the truth in the body."""
    return _health(serving)


@get("/health/live", sync_to_thread=False, responses=errors())
def live() -> Alive:
    """The process answers."""
    return Alive("alive")


@get(
    "/health/ready",
    sync_to_thread=False,
    responses={503: ResponseSpec(Health, generate_examples=False, description="no model is loaded"), **errors()},
)
def ready(serving: NamedDependency[Serving]) -> Response[Health]:
    """A model is loaded: 200, else 503."""
    return Response(_health(serving), status_code=200 if serving.loaded else 503, media_type=MediaType.JSON)


@get("/model", sync_to_thread=False, responses=errors(503))
def model(serving: NamedDependency[Serving]) -> Model:
    """The version that is served: what it was made from and how it was judged."""
    loaded = serving.in_hand()
    v = loaded.model.version
    return Model(
        MODEL, v.number, v.candidate, v.target, v.threshold, v.batch, v.snapshot, v.code, v.run_id, v.figures, loaded.at
    )


@post("/reload_model", status_code=200, security=[{TOKEN: []}], responses=errors(401, 503))
async def reload_model(
    request: AnyRequest, serving: NamedDependency[Serving], settings: NamedDependency[Settings]
) -> Reloaded:
    """Loads what is in production now. When that fails the old model goes on serving."""
    _check_token(request, settings)
    changed = await serving.reload()
    return Reloaded(serving.loaded.model.version.number if serving.loaded else None, changed)


def _check_token(request: AnyRequest, settings: Settings) -> None:
    challenge = {"WWW-Authenticate": "Bearer"}
    try:
        token = settings.secret("reload_token")
    except SettingError as error:
        raise Refused(401, f"nobody may reload the model: {error}", headers=challenge) from error
    given = request.headers.get("authorization", "")
    if not token or not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        raise Refused(401, "Authorization: Bearer with the reload token is required", headers=challenge)


@get("/metrics", include_in_schema=False, sync_to_thread=False)
def prometheus(metrics: NamedDependency[Metrics]) -> Response[bytes]:
    """For Prometheus."""
    return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


@get("/docs", include_in_schema=False, media_type=MediaType.HTML, sync_to_thread=False)
def docs(request: AnyRequest) -> bytes:
    """The interactive page."""
    return DOCS.render(request, request.app.openapi_schema.to_schema())


ROUTES = [predict, predict_batch, health, live, ready, model, reload_model, prometheus, docs]
