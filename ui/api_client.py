"""HTTP client of the page for the inference API, and the requests of all its clients."""

import ssl
from collections.abc import Hashable, Mapping
from functools import cache
from typing import Any, TypeVar, cast

import httpx
from pydantic import TypeAdapter, ValidationError

from ui.card_view import CardView
from ui.evaluation_schemas import EvaluationView
from ui.prospective_views import ProspectiveView
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
    StatisticsView,
    VersionDetailView,
    VersionView,
)

PARQUET, MARKDOWN = "application/vnd.apache.parquet", "text/markdown"
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

    def __init__(self, api: str, api_key: str | None) -> None:
        self._api = api.rstrip("/")
        self._key = {} if api_key is None else {"X-API-Key": api_key}
        # Of the environment, only its certificates: no proxy leads to the API.
        self._client = httpx.Client(verify=ssl.create_default_context(), timeout=TIMEOUT, trust_env=False)

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
        """Return the predictions for a Parquet file, as Parquet with the columns of BatchResults."""
        headers = {**self._key, "Content-Type": PARQUET, "Accept": PARQUET}
        return send(self._client, "POST", f"{self._api}/predict_batch", content=parquet, headers=headers).content

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

    def card(self, number: str, language: str) -> CardView:
        """Return the card of a version."""
        return self._get(CardView, f"/versions/{number}/card", lang=language)

    def card_as_markdown(self, number: str, language: str) -> bytes:
        """Return the card of a version as Markdown, in UTF-8."""
        headers, address = {**self._key, "Accept": MARKDOWN}, f"{self._api}/versions/{number}/card"
        return send(self._client, "GET", address, params={"lang": language}, headers=headers).content

    def prospective(self) -> ItemList[ProspectiveView]:
        """Return the latest evaluations on later batches, newest first."""
        return self._get(ItemList[ProspectiveView], "/prospective", per_page=MAX_PER_PAGE)

    def evaluation(self, number: str) -> EvaluationView:
        """Return the evaluation of one version on its test patients."""
        return self._get(EvaluationView, f"/versions/{number}/evaluation")

    def statistics(self) -> StatisticsView:
        """Return the readmission counts, by every field that is counted."""
        return self._get(StatisticsView, "/statistics", per_page=MAX_PER_PAGE)

    def services(self) -> ItemList[ServiceView]:
        """Return the state of the services."""
        return self._get(ItemList[ServiceView], "/services", per_page=MAX_PER_PAGE)

    def reload(self, token: str) -> ReloadView:
        """Have the API load the production model now."""
        return self._fetch(ReloadView, "POST", f"{self._api}/reload_model", headers=bearer(token))

    def roll_back(self, token: str, version: str | None, by: str, reason: str) -> RollbackView:
        """Put an earlier version into production; None: the previous one."""
        body = {"version": version, "by": by, "why": reason}
        return self._fetch(RollbackView, "POST", f"{self._api}/rollback", json=body, headers=bearer(token))

    def _get(self, schema: type[T], path: str, **query: int | str) -> T:
        return self._fetch(schema, "GET", f"{self._api}{path}", params=query, headers=self._key)

    def _fetch(self, schema: type[T], method: str, address: str, **options: object) -> T:
        return fetch(self._client, schema, method, address, **options)


def fetch(client: httpx.Client, schema: type[T], method: str, address: str, **options: object) -> T:
    """Return a JSON response as an object. Raises ApiUnavailable or RequestRejected."""
    response, adapter = send(client, method, address, **options), _adapter(cast(Hashable, schema))
    try:
        value: T = adapter.validate_json(response.content)
    except ValidationError as error:
        raise ApiUnavailable(address, f"unexpected response: {error.errors()[0]['msg']}") from error
    return value


def send(client: httpx.Client, method: str, address: str, **options: object) -> httpx.Response:
    """Return the response to a request. Raises ApiUnavailable or RequestRejected."""
    try:
        with client.stream(method, address, **options) as stream:  # type: ignore[arg-type]  # httpx's names
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


def bearer(token: str) -> dict[str, str]:
    """Return the header that authorizes a request by a token."""
    return {"Authorization": f"Bearer {token}"}


def _rejection(response: httpx.Response) -> RequestRejected:
    try:
        detail = _adapter(ErrorView).validate_json(response.content).error
    except ValidationError:
        return RequestRejected(response.status_code, f"status {response.status_code}")
    return RequestRejected(response.status_code, detail.message, detail.fields)
