"""Predictions for one encounter, with or without an explanation, and for batches, which do not delay the others."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import msgspec

from api import request_parsing
from api.batch.worker_client import BatchWorkerClient
from api.errors import ApiError
from api.metrics import ApiMetrics
from api.model_manager import ActiveModel, ModelManager
from api.schemas import PredictionResponse
from readmit.core.applicability import check_applicable
from readmit.core.request import Encounter


class PredictionService:
    """The prediction service. Explanations run in a thread and batches in a process, beside the event loop."""

    def __init__(self, manager: ModelManager, metrics: ApiMetrics) -> None:
        self._manager = manager
        self._metrics = metrics
        self._explainer = ThreadPoolExecutor(1, "explain")
        self._batches = BatchWorkerClient()

    async def predict(self, encounter: Encounter, request_id: str, explain: bool) -> PredictionResponse:
        """Return the prediction for one encounter.

        Raises NotApplicable when it ended in death or hospice, ApiError with status 503 when no model is loaded.
        """
        check_applicable(encounter.values)
        loaded, began = self._manager.require_loaded(), perf_counter()
        response = loaded.model.predict(loaded.model.encode(encounter), request_id)
        if explain:
            loop = asyncio.get_running_loop()
            explanation = await loop.run_in_executor(self._explainer, loaded.model.explain, encounter)
            response = msgspec.structs.replace(response, explanation=explanation)
        loaded.metrics.duration(perf_counter() - began)
        loaded.metrics.outcomes[response.prediction](1)
        return response

    async def predict_batch(
        self, body: bytes, content_type: str, response_type: str, request_id: str
    ) -> tuple[ActiveModel, bytes]:
        """Return the model and the body of the response to a batch; the types are media types.

        Raises ApiError: with status 400 or 413 when the batch is rejected, 503 when it cannot be processed now.
        """
        loaded = self._manager.require_loaded()
        reply, response = await self._batches.predict(
            loaded.model, content_type, response_type, body, request_id, request_parsing.MAX_RECORDS
        )
        if reply.status != 200:
            raise ApiError(reply.status, reply.message)
        self._metrics.duration.labels("/predict_batch").observe(reply.seconds)
        for count, number in zip(loaded.metrics.outcomes, reply.outcomes, strict=True):
            count(number)
        self._metrics.count_batch_rows(sum(reply.outcomes) + reply.rejected + reply.not_applicable)
        self._metrics.count_rejected_rows(reply.rejected)
        self._metrics.count_not_applicable(reply.not_applicable)
        return loaded, response

    async def close(self) -> None:
        """Wait for the predictions in progress, then stop the thread and the process."""
        self._explainer.shutdown()
        await self._batches.close()
