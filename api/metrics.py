"""What Prometheus reads of the API."""

from collections.abc import Iterable
from datetime import datetime
from time import perf_counter
from typing import Any

from litestar import Request
from litestar.enums import ScopeType
from litestar.types import HTTPScope, Message, Scope
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from api.errors import REQUEST_ID, request_id
from readmit.core.version import MODEL, Version

STARTED = "started"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
PREDICTING = frozenset({"/predict", "/predict_batch"})
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The metrics of one app, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = own = CollectorRegistry()
        ProcessCollector(registry=own)
        self._predictions = Counter("readmit_predictions", "Predictions.", ["version", "outcome"], registry=own)
        self.duration = Histogram(
            "readmit_prediction_duration_seconds",
            "From the checked encounters to their probabilities.",
            ["route"],
            buckets=SECONDS,
            registry=own,
        )
        self._errors = Counter(
            "readmit_prediction_errors",
            "Predictions asked and not given, a batch's rows included.",
            ["status"],
            registry=own,
        )
        self._requests = Counter("readmit_http_requests", "Requests.", ["route", "method", "status"], registry=own)
        self._request_duration = Histogram(
            "readmit_http_request_duration_seconds", "From routing to answer.", ["route"], buckets=SECONDS, registry=own
        )
        self._model = Gauge(
            "readmit_model_info", "The version served.", ["name", "version", "candidate", "target"], registry=own
        )
        self._loaded = Gauge("readmit_model_loaded_timestamp_seconds", "When it was loaded.", registry=own)
        self.reload_failures = Counter("readmit_model_reload_failures", "Models that did not load.", registry=own)

    def text(self) -> bytes:
        """The exposition format of Prometheus."""
        return generate_latest(self._registry)

    def model_loaded(self, version: Version, at: datetime) -> None:
        self._model.clear()
        self._model.labels(MODEL, version.number, version.candidate, version.target).set(1)
        self._loaded.set(at.timestamp())

    def predicted(self, version: Version, predictions: Iterable[int]) -> None:
        found = list(predictions)
        for outcome in sorted(set(found)):
            self._predictions.labels(version.number, outcome).inc(found.count(outcome))

    def refused_rows(self, rows: int) -> None:
        self._errors.labels(422).inc(rows)

    def answered(self, scope: HTTPScope, status: int) -> None:
        """Counts one answer. What no route takes is one route, so that a scan makes no metrics."""
        route = str(scope.get("path_template") or "unknown")
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._requests.labels(route, method, status).inc()
        if route in PREDICTING and status >= 400:
            self._errors.labels(status).inc()
        started = scope["state"].get(STARTED)
        if started is not None:
            self._request_duration.labels(route).observe(perf_counter() - started)

    async def before_send(self, message: Message, scope: Scope) -> None:
        """Litestar's hook for each message that goes out, also where no route was found."""
        if message["type"] == "http.response.start" and scope["type"] == ScopeType.HTTP:
            message["headers"] = [*message["headers"], (REQUEST_ID.lower().encode(), request_id(scope).encode())]
            self.answered(scope, message["status"])


async def note_start(request: Request[Any, Any, Any]) -> None:
    """Litestar's hook before a route's handler."""
    request.scope["state"][STARTED] = perf_counter()
