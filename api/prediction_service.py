"""Predictions: one encounter, one with its explanation, or a batch of them that does not stand in their way."""

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
    """Explanations have a thread, which works while the event loop goes on; batches have a process."""

    def __init__(self, serving: ModelManager, metrics: ApiMetrics) -> None:
        self._serving = serving
        self._metrics = metrics
        self._explaining = ThreadPoolExecutor(1, "explain")
        self._batches = BatchWorkerClient()

    async def one(self, encounter: Encounter, request_id: str, explain: bool) -> PredictionResponse:
        """Refused: 503, no model is served. Raises NotApplicable when the encounter ended in death or hospice."""
        check_applicable(encounter.values)
        loaded, began = self._serving.require_loaded(), perf_counter()
        answer = loaded.model.answer(loaded.model.cells_of(encounter), request_id)
        if explain:
            loop = asyncio.get_running_loop()
            explanation = await loop.run_in_executor(self._explaining, loaded.model.explained, encounter)
            answer = msgspec.structs.replace(answer, explanation=explanation)
        loaded.metrics.duration(perf_counter() - began)
        loaded.metrics.outcomes[answer.prediction](1)
        return answer

    async def many(self, content: bytes, kind: str, wanted: str, request_id: str) -> tuple[ActiveModel, bytes]:
        """The answers to a batch, `kind` and `wanted` being content types. Refused: 400, 413; 503, no model."""
        loaded = self._serving.require_loaded()
        reply, answer = await self._batches.answer(
            loaded.model, kind, wanted, content, request_id, request_parsing.MOST_RECORDS
        )
        if reply.status != 200:
            raise ApiError(reply.status, reply.message)
        self._metrics.duration.labels("/predict_batch").observe(reply.seconds)
        for count, number in zip(loaded.metrics.outcomes, reply.outcomes, strict=True):
            count(number)
        self._metrics.refused_rows(reply.refused)
        self._metrics.not_applicable(reply.not_applicable)
        return loaded, answer

    async def close(self) -> None:
        """Waits for what is being predicted."""
        self._explaining.shutdown()
        await self._batches.close()
