"""The inference API, which `python -m api` serves with one worker process."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide

from api.access_log import LogOutput, RequestLog
from api.auth import Authenticator
from api.errors import EXCEPTION_HANDLERS
from api.fast_path import FastPath
from api.headers import add_security_headers, complete_allow_header
from api.host_policy import HostPolicy
from api.metrics import ApiMetrics, record_start
from api.model_manager import ModelManager, ModelSource
from api.openapi import OPENAPI_CONFIG
from api.prediction_service import PredictionService
from api.read_api.card_routes import CARD_ROUTES
from api.read_api.routes import READ_ROUTES
from api.read_api.service import ReadService
from api.registered_models import RegisteredModels
from api.request_parsing import MAX_BODY_BYTES
from api.routes import ROUTES
from readmit import settings as configuration
from readmit.io.model_cache import ModelCache
from readmit.io.registry.rest_registry import RestRegistry
from readmit.settings import Settings

STARTUP_TIMEOUT_SECONDS = 10.0
"""How long startup waits for the first model; after that the API starts without one and keeps trying."""


def create_app(
    models: ModelSource | None = None, settings: Settings | None = None, output: LogOutput | None = None
) -> FastPath:
    """Return the app; by default with the settings of this process and the registry they name."""
    settings = settings or configuration.load()
    request_log, authenticator = RequestLog(output), Authenticator(settings)
    metrics = ApiMetrics(request_log)
    manager = ModelManager(models or _registered_models(settings), metrics, settings.model_poll_seconds)
    predictions, reads = PredictionService(manager, metrics), ReadService(settings)
    services = {"metrics": metrics, "manager": manager, "predictions": predictions, "reads": reads}
    app = Litestar(
        [*ROUTES, *READ_ROUTES, *CARD_ROUTES],
        dependencies={name: Provide(_constant(item), sync_to_thread=False) for name, item in services.items()},
        state=State({"authenticator": authenticator}),
        lifespan=[_lifespan(manager, predictions, reads, request_log)],
        exception_handlers=EXCEPTION_HANDLERS,
        before_request=record_start,
        before_send=[metrics.before_send, add_security_headers, complete_allow_header],
        request_max_body_size=MAX_BODY_BYTES,
        openapi_config=OPENAPI_CONFIG,
        logging_config=None,
        debug=False,
    )
    return FastPath(app, manager, authenticator, metrics, request_log, HostPolicy(settings.allowed_hosts))


def _registered_models(settings: Settings) -> ModelSource:
    return RegisteredModels(RestRegistry(settings.mlflow_tracking_uri), ModelCache(settings.model_folder))


def _constant(value: object) -> Callable[[], object]:
    return lambda: value


def _lifespan(
    manager: ModelManager, predictions: PredictionService, reads: ReadService, request_log: RequestLog
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        polling = asyncio.create_task(manager.poll())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(manager.first_load_attempted.wait(), STARTUP_TIMEOUT_SECONDS)
        try:
            yield
        finally:
            polling.cancel()
            await asyncio.wait([polling])
            reads.close()
            await predictions.close()
            request_log.flush()

    return lifespan
