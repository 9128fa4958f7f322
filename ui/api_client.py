"""The page's one way to the outside: the inference API, and the data API's batches, over HTTP."""

from collections.abc import Hashable, Mapping
from functools import cache
from typing import Any, TypeVar, cast

import httpx
from pydantic import TypeAdapter, ValidationError

from ui.schemas import (
    BatchView,
    DayView,
    ErrorView,
    FieldErrorView,
    HealthView,
    ItemList,
    ModelView,
    PredictionView,
    QuarantinedView,
    ReloadView,
    RollbackView,
    ServiceView,
    SourceBatchView,
    StatisticsView,
    VersionDetailView,
    VersionView,
)

PARQUET = "application/vnd.apache.parquet"
PATIENCE = httpx.Timeout(30.0, connect=3.0)
MOST_PER_PAGE = 200
MOST_ANSWER_BYTES = 64 * 2**20
T = TypeVar("T")
Case = Mapping[str, str | int]
"""An encounter as /predict takes it: what is not recorded is absent."""


class ApiUnavailable(Exception):
    """Who was asked does not answer, or not in the way that was agreed. `address`: where."""

    def __init__(self, address: str, why: str) -> None:
        super().__init__(f"{address}: {why}")
        self.address = address


class RequestRejected(Exception):
    """The answer is no. `fields`: what is wrong with which field."""

    def __init__(self, status: int, message: str, fields: tuple[FieldErrorView, ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.fields = fields


@cache
def _reads(kind: Hashable) -> TypeAdapter[Any]:
    """Made once: reading is quick, learning how is not."""
    return TypeAdapter(cast(Any, kind))


class ApiClient:
    """Every method raises Away or Refused. It can be used by several threads at once."""

    def __init__(self, api: str, source: str, api_key: str | None) -> None:
        self._api, self._source = api.rstrip("/"), source.rstrip("/")
        self._key = {} if api_key is None else {"X-API-Key": api_key}
        self._client = httpx.Client(timeout=PATIENCE)

    def health(self) -> HealthView:
        return self._read(HealthView, "GET", f"{self._api}/health")

    def model(self) -> ModelView:
        return self._ask(ModelView, "/model")

    def predict(self, case: Case) -> PredictionView:
        """The answer to one encounter, with its explanation."""
        return self._read(
            PredictionView,
            "POST",
            f"{self._api}/predict",
            params={"explain": "true"},
            json=dict(case),
            headers=self._key,
        )

    def predict_batch(self, parquet: bytes) -> bytes:
        """The answers to a Parquet of encounters, as Parquet: index, prediction, probability, error."""
        headers = {**self._key, "Content-Type": PARQUET, "Accept": PARQUET}
        return self._send("POST", f"{self._api}/predict_batch", content=parquet, headers=headers).content

    def days(self, most: int) -> ItemList[DayView]:
        """The last days, newest first."""
        return self._ask(ItemList[DayView], "/days", per_page=most)

    def batches(self) -> ItemList[BatchView]:
        """The last batches, newest first."""
        return self._ask(ItemList[BatchView], "/batches", per_page=MOST_PER_PAGE)

    def quarantine(self, batch: int) -> ItemList[QuarantinedView]:
        """What was left out of a batch."""
        return self._ask(ItemList[QuarantinedView], "/quarantine", batch=batch, per_page=MOST_PER_PAGE)

    def versions(self) -> ItemList[VersionView]:
        """The last versions, newest first."""
        return self._ask(ItemList[VersionView], "/versions", per_page=MOST_PER_PAGE)

    def version(self, number: str) -> VersionDetailView:
        return self._ask(VersionDetailView, f"/versions/{number}")

    def statistics(self) -> StatisticsView:
        """The groups of every field that is counted by."""
        return self._ask(StatisticsView, "/statistics", per_page=MOST_PER_PAGE)

    def services(self) -> ItemList[ServiceView]:
        return self._ask(ItemList[ServiceView], "/services", per_page=MOST_PER_PAGE)

    def reload(self, token: str) -> ReloadView:
        return self._read(ReloadView, "POST", f"{self._api}/reload_model", headers=_bearer(token))

    def roll_back(self, token: str, version: str | None, by: str, why: str) -> RollbackView:
        asked = {"version": version, "by": by, "why": why}
        return self._read(RollbackView, "POST", f"{self._api}/rollback", json=asked, headers=_bearer(token))

    def source_batches(self) -> list[SourceBatchView]:
        """The batches that the data API has released or will."""
        return self._read(list[SourceBatchView], "GET", f"{self._source}/batches")

    def source_batch(self, number: int) -> bytes:
        """One of them as Parquet, all text."""
        return self._send("GET", f"{self._source}/batches/{number}", headers={"Accept": PARQUET}).content

    def _ask(self, kind: type[T], path: str, **query: int | str) -> T:
        return self._read(kind, "GET", f"{self._api}{path}", params=query, headers=self._key)

    def _read(self, kind: type[T], method: str, address: str, **options: object) -> T:
        answer, reader = self._send(method, address, **options), _reads(cast(Hashable, kind))
        try:
            read: T = reader.validate_json(answer.content)
        except ValidationError as error:
            raise ApiUnavailable(address, f"another answer than agreed: {error.errors()[0]['msg']}") from error
        return read

    def _send(self, method: str, address: str, **options: object) -> httpx.Response:
        try:
            with self._client.stream(method, address, **options) as streamed:  # type: ignore[arg-type]  # httpx's names
                answer = httpx.Response(streamed.status_code, content=_bounded(streamed, address))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ApiUnavailable(address, str(error) or type(error).__name__) from error
        if answer.status_code != 200:
            raise _refusal(answer)
        return answer


def _bounded(answer: httpx.Response, address: str) -> bytes:
    """Read the content of an answer. Raises Away when it is larger than any that was agreed."""
    content = bytearray()
    for part in answer.iter_bytes():
        content += part
        if len(content) > MOST_ANSWER_BYTES:
            raise ApiUnavailable(address, f"an answer of more than {MOST_ANSWER_BYTES:,} bytes")
    return bytes(content)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _refusal(answer: httpx.Response) -> RequestRejected:
    try:
        told = _reads(ErrorView).validate_json(answer.content).error
    except ValidationError:
        return RequestRejected(answer.status_code, f"status {answer.status_code}")
    return RequestRejected(answer.status_code, told.message, told.fields)
