"""HTTP client of the page: the inference API, and the batches of the data API."""

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
TIMEOUT = httpx.Timeout(30.0, connect=3.0)
MAX_PER_PAGE = 200
MAX_RESPONSE_BYTES = 64 * 2**20
T = TypeVar("T")
Case = Mapping[str, str | int]
"""An encounter as /predict accepts it, without the fields that are not recorded."""


class ApiUnavailable(Exception):
    """A service at `address` that does not respond, or whose response does not match the schema."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"{address}: {reason}")
        self.address = address


class RequestRejected(Exception):
    """A response with an error status. `fields`: the errors by field."""

    def __init__(self, status: int, message: str, fields: tuple[FieldErrorView, ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.fields = fields


@cache
def _adapter(schema: Hashable) -> TypeAdapter[Any]:
    """Return the validator of a schema, cached because it is slow to build."""
    return TypeAdapter(cast(Any, schema))


class ApiClient:
    """A thread-safe client. Every method raises ApiUnavailable or RequestRejected."""

    def __init__(self, api: str, source: str, api_key: str | None) -> None:
        self._api, self._source = api.rstrip("/"), source.rstrip("/")
        self._key = {} if api_key is None else {"X-API-Key": api_key}
        self._client = httpx.Client(timeout=TIMEOUT)

    def health(self) -> HealthView:
        """Return the health of the API."""
        return self._fetch(HealthView, "GET", f"{self._api}/health")

    def model(self) -> ModelView:
        """Return the served version of the model."""
        return self._get(ModelView, "/model")

    def predict(self, case: Case) -> PredictionView:
        """Return the prediction for one encounter, with its explanation."""
        return self._fetch(
            PredictionView,
            "POST",
            f"{self._api}/predict",
            params={"explain": "true"},
            json=dict(case),
            headers=self._key,
        )

    def predict_batch(self, parquet: bytes) -> bytes:
        """Return the predictions for a Parquet file, as Parquet: index, prediction, probability, error."""
        headers = {**self._key, "Content-Type": PARQUET, "Accept": PARQUET}
        return self._send("POST", f"{self._api}/predict_batch", content=parquet, headers=headers).content

    def days(self, limit: int) -> ItemList[DayView]:
        """Return the latest days, newest first."""
        return self._get(ItemList[DayView], "/days", per_page=limit)

    def batches(self) -> ItemList[BatchView]:
        """Return the latest batches, newest first."""
        return self._get(ItemList[BatchView], "/batches", per_page=MAX_PER_PAGE)

    def quarantine(self, batch: int) -> ItemList[QuarantinedView]:
        """Return the quarantine reasons of a batch."""
        return self._get(ItemList[QuarantinedView], "/quarantine", batch=batch, per_page=MAX_PER_PAGE)

    def versions(self) -> ItemList[VersionView]:
        """Return the latest versions, newest first."""
        return self._get(ItemList[VersionView], "/versions", per_page=MAX_PER_PAGE)

    def version(self, number: str) -> VersionDetailView:
        """Return one version with its evaluation."""
        return self._get(VersionDetailView, f"/versions/{number}")

    def statistics(self) -> StatisticsView:
        """Return the readmission counts, by every field that is counted."""
        return self._get(StatisticsView, "/statistics", per_page=MAX_PER_PAGE)

    def services(self) -> ItemList[ServiceView]:
        """Return the state of the services."""
        return self._get(ItemList[ServiceView], "/services", per_page=MAX_PER_PAGE)

    def reload(self, token: str) -> ReloadView:
        """Have the API load the production model now."""
        return self._fetch(ReloadView, "POST", f"{self._api}/reload_model", headers=_bearer(token))

    def roll_back(self, token: str, version: str | None, by: str, reason: str) -> RollbackView:
        """Put an earlier version into production; None: the previous one."""
        body = {"version": version, "by": by, "why": reason}
        return self._fetch(RollbackView, "POST", f"{self._api}/rollback", json=body, headers=_bearer(token))

    def source_batches(self) -> list[SourceBatchView]:
        """Return all batches of the data API, released or not."""
        return self._fetch(list[SourceBatchView], "GET", f"{self._source}/batches")

    def source_batch(self, number: int) -> bytes:
        """Return a batch of the data API as Parquet with text columns."""
        return self._send("GET", f"{self._source}/batches/{number}", headers={"Accept": PARQUET}).content

    def _get(self, schema: type[T], path: str, **query: int | str) -> T:
        return self._fetch(schema, "GET", f"{self._api}{path}", params=query, headers=self._key)

    def _fetch(self, schema: type[T], method: str, address: str, **options: object) -> T:
        response, adapter = self._send(method, address, **options), _adapter(cast(Hashable, schema))
        try:
            value: T = adapter.validate_json(response.content)
        except ValidationError as error:
            raise ApiUnavailable(address, f"unexpected response: {error.errors()[0]['msg']}") from error
        return value

    def _send(self, method: str, address: str, **options: object) -> httpx.Response:
        try:
            with self._client.stream(method, address, **options) as stream:  # type: ignore[arg-type]  # httpx's names
                response = httpx.Response(stream.status_code, content=_read_bounded(stream, address))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ApiUnavailable(address, str(error) or type(error).__name__) from error
        if response.status_code != 200:
            raise _rejection(response)
        return response


def _read_bounded(response: httpx.Response, address: str) -> bytes:
    """Return the content of a response. Raises ApiUnavailable when it exceeds MAX_RESPONSE_BYTES."""
    content = bytearray()
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > MAX_RESPONSE_BYTES:
            raise ApiUnavailable(address, f"the response exceeds {MAX_RESPONSE_BYTES:,} bytes")
    return bytes(content)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _rejection(response: httpx.Response) -> RequestRejected:
    try:
        detail = _adapter(ErrorView).validate_json(response.content).error
    except ValidationError:
        return RequestRejected(response.status_code, f"status {response.status_code}")
    return RequestRejected(response.status_code, detail.message, detail.fields)
