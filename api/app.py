"""The inference API. `python -m api` serves it, one worker process."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide

from api.access_log import LogOutput, Requests
from api.auth import Authenticator
from api.errors import HANDLERS
from api.fast_path import FastPath
from api.headers import add_security_headers
from api.host_policy import HostPolicy
from api.metrics import ApiMetrics, note_start
from api.model_manager import ModelManager, ModelSource
from api.openapi import OPENAPI
from api.prediction_service import PredictionService
from api.read_api.routes import READING_ROUTES
from api.read_api.service import ReadService
from api.registered_models import RegisteredModels
from api.request_parsing import MOST_BYTES
from api.routes import ROUTES
from readmit import settings as configuration
from readmit.io.model_cache import ModelCache
from readmit.io.registry.rest_registry import RestRegistry
from readmit.settings import Settings

START_PATIENCE_SECONDS = 10.0
"""How long the start waits for the first model; then the API comes up without one and goes on trying."""


def create_app(
    models: ModelSource | None = None, settings: Settings | None = None, output: LogOutput | None = None
) -> FastPath:
    """The app. Without arguments: with the settings of this process and the registry that they name."""
    settings = settings or configuration.load()
    requests, doors = Requests(output), Authenticator(settings)
    metrics = ApiMetrics(requests)
    serving = ModelManager(models or _registered(settings), metrics, settings.model_poll_seconds)
    predicting, reading = PredictionService(serving, metrics), ReadService(settings)
    given = {"metrics": metrics, "serving": serving, "predicting": predicting, "reading": reading}
    app = Litestar(
        [*ROUTES, *READING_ROUTES],
        dependencies={name: Provide(_always(thing), sync_to_thread=False) for name, thing in given.items()},
        state=State({"doors": doors}),
        lifespan=[_alive(serving, predicting, reading, requests)],
        exception_handlers=HANDLERS,
        before_request=note_start,
        before_send=[metrics.before_send, add_security_headers],
        request_max_body_size=MOST_BYTES,
        openapi_config=OPENAPI,
        logging_config=None,
        debug=False,
    )
    return FastPath(app, serving, doors, metrics, requests, HostPolicy(settings.allowed_hosts))


def _registered(settings: Settings) -> ModelSource:
    return RegisteredModels(RestRegistry(settings.mlflow_tracking_uri), ModelCache(settings.model_folder))


def _always(thing: object) -> Callable[[], object]:
    return lambda: thing


def _alive(
    serving: ModelManager, predicting: PredictionService, reading: ReadService, requests: Requests
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        keeping_up = asyncio.create_task(serving.poll())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(serving.tried.wait(), START_PATIENCE_SECONDS)
        try:
            yield
        finally:
            keeping_up.cancel()
            await asyncio.wait([keeping_up])
            reading.close()
            await predicting.close()
            requests.flush()

    return lifespan
