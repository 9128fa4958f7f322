"""The inference API. `uvicorn --factory api.app:create_app`, one worker process."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

from litestar import Litestar
from litestar.di import Provide

from api.body import MOST_BYTES
from api.contract import OPENAPI
from api.errors import HANDLERS
from api.metrics import Metrics, note_start
from api.predicting import Predicting
from api.routes import ROUTES
from api.serving import Models, Serving
from readmit import settings as configuration
from readmit.settings import Settings

START_PATIENCE_SECONDS = 10.0
"""How long the start waits for the first model; then the API comes up without one and goes on trying."""


def create_app(models: Models | None = None, settings: Settings | None = None) -> Litestar:
    """The app. Without arguments: with the settings of this process and the registry that they name."""
    settings = settings or configuration.load()
    metrics = Metrics()
    serving = Serving(models or _registry(settings), metrics, settings.model_poll_seconds)
    predicting = Predicting(serving, metrics)
    given = {"settings": settings, "metrics": metrics, "serving": serving, "predicting": predicting}
    return Litestar(
        ROUTES,
        dependencies={name: Provide(_always(thing), sync_to_thread=False) for name, thing in given.items()},
        lifespan=[_alive(serving, predicting)],
        exception_handlers=HANDLERS,
        before_request=note_start,
        before_send=[metrics.before_send],
        request_max_body_size=MOST_BYTES,
        openapi_config=OPENAPI,
        logging_config=None,
        debug=False,
    )


def _registry(settings: Settings) -> Models:
    # here, for it brings mlflow along, which an app with models of its own does not need
    from readmit.io.registry.versions import Registry

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    return Registry(settings.mlflow_tracking_uri)


def _always(thing: object) -> Callable[[], object]:
    return lambda: thing


def _alive(serving: Serving, predicting: Predicting) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        keeping_up = asyncio.create_task(serving.keep_up())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(serving.tried.wait(), START_PATIENCE_SECONDS)
        try:
            yield
        finally:
            keeping_up.cancel()
            await asyncio.wait([keeping_up])
            predicting.close()

    return lifespan
