"""Predictions: one encounter, or a batch of them that does not stand in its way."""

import asyncio
import csv
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from api.body import CSV, many
from api.metrics import Metrics
from api.scoring import scores
from api.serving import Serving
from api.wire import Answer, BatchAnswer, RefusedRow, RowError
from readmit.core.request import Encounter, RecordRefused
from readmit.core.served import ServedModel
from readmit.core.version import MODEL


class Predicting:
    """Single encounters and batches have a worker thread each: the event loop goes on, and so does /predict."""

    def __init__(self, serving: Serving, metrics: Metrics) -> None:
        self._serving = serving
        self._metrics = metrics
        self._single = ThreadPoolExecutor(1, "predict")
        self._batch = ThreadPoolExecutor(1, "predict_batch")

    async def one(self, encounter: Encounter, request_id: str) -> Answer:
        """Refused: 503, no model is served."""
        model, loop = self._serving.in_hand().model, asyncio.get_running_loop()
        with self._metrics.duration.labels("/predict").time():
            (probability,) = await loop.run_in_executor(self._single, scores, model, [encounter])
        answer = _answer(model, encounter, probability, request_id)
        self._metrics.predicted(model.version, [answer.prediction])
        return answer

    async def many(self, text: str, kind: str, wanted: str, request_id: str) -> bytes:
        """The answers to a batch of the content type `kind`, as `wanted`. Refused: 400, 413; 503, no model."""
        model, loop = self._serving.in_hand().model, asyncio.get_running_loop()
        return await loop.run_in_executor(self._batch, self._many, model, text, kind, wanted, request_id)

    def _many(self, model: ServedModel, text: str, kind: str, wanted: str, request_id: str) -> bytes:
        rows = many(text, kind)
        encounters = [row for row in rows if isinstance(row, Encounter)]
        with self._metrics.duration.labels("/predict_batch").time():
            probabilities = iter(scores(model, encounters))
        answers = [
            _refused(index, row)
            if isinstance(row, RecordRefused)
            else _answer(model, row, next(probabilities), f"{request_id}.{index}")
            for index, row in enumerate(rows)
        ]
        self._metrics.predicted(model.version, (item.prediction for item in answers if isinstance(item, Answer)))
        self._metrics.refused_rows(len(rows) - len(encounters))
        return _as_csv(answers) if wanted == CSV else msgspec.json.encode(BatchAnswer(answers))

    def close(self) -> None:
        """Waits for what is being predicted."""
        self._single.shutdown()
        self._batch.shutdown()


def _answer(model: ServedModel, encounter: Encounter, probability: float, request_id: str) -> Answer:
    version = model.version
    return Answer(
        prediction=int(probability >= version.threshold),
        probability=probability,
        threshold=version.threshold,
        request_id=request_id,
        model_name=MODEL,
        model_version=version.number,
        warnings=model.coverage.warnings(encounter.values),
    )


def _refused(index: int, refusal: RecordRefused) -> RefusedRow:
    return RefusedRow(RowError(index, refusal.faults[0].field, str(refusal)))


def _as_csv(answers: Sequence[Answer | RefusedRow]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("index", "prediction", "probability", "error"))
    for index, item in enumerate(answers):
        found = (item.prediction, item.probability, "") if isinstance(item, Answer) else ("", "", item.error.message)
        writer.writerow((index, *found))
    return out.getvalue().encode()
