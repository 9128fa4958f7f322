"""The API's metrics for Prometheus."""

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple

from litestar import Request
from litestar.enums import ScopeType
from litestar.types import HTTPScope, Message, Scope
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from api.access_log import LogOutput, RequestLog
from api.errors import NOT_APPLICABLE_STATE, REQUEST_ID, request_id
from api.head_requests import received_method
from api.headers import VERSION_HEADER
from readmit.core.version import MODEL, PROMOTE_STEP, Version

STARTED_AT, UNKNOWN = "started", "unknown"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
PREDICTION_ROUTES = frozenset({"/predict", "/predict_batch"})
DURATION_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class PredictionMetrics(NamedTuple):
    """The metrics of a successful prediction. `outcomes`: by prediction, 0 and 1; durations are in seconds."""

    outcomes: tuple[Callable[[float], None], ...]
    requests: Callable[[float], None]
    duration: Callable[[float], None]
    request_duration: Callable[[float], None]


class DroppedLines(Collector):
    """The number of log lines that could not be written, of requests and everything else."""

    def __init__(self, output: LogOutput) -> None:
        self._output = output

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Return the counter, as prometheus_client's registry asks for it."""
        text = "Log lines dropped because they could not be written."
        yield CounterMetricFamily("readmit_log_lines_dropped", text, value=self._output.dropped)


class CurrentValues(Collector):
    """Values that are read when Prometheus scrapes, which costs a request nothing."""

    def __init__(self, metrics: "ApiMetrics") -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Return the gauges; that of the promotion is left out while its time is not known."""
        text = "HTTP requests that are being processed, the scrape included."
        yield GaugeMetricFamily("readmit_http_requests_in_flight", text, value=self._metrics.requests_in_flight)
        promoted = GaugeMetricFamily(
            "readmit_model_promoted_timestamp_seconds",
            "When the loaded model was put into production, by a day or by a rollback; absent if not recorded.",
            labels=["cause"],
        )
        if self._metrics.promoted is not None:
            promoted.add_metric(*self._metrics.promoted)
        yield promoted


class ApiMetrics:
    """The metrics of one app, in a registry that only they use.

    `requests_in_flight`: plain, because it changes twice per request. `promoted`: the cause of the loaded version's
    promotion, as label values, and its time in seconds since 1970.
    """

    def __init__(self, request_log: RequestLog) -> None:
        self._request_log = request_log
        self.requests_in_flight = 0
        self.promoted: tuple[tuple[str], float] | None = None
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(DroppedLines(request_log.output))
        registry.register(CurrentValues(self))
        counter, gauge = partial(Counter, registry=registry), partial(Gauge, registry=registry)
        histogram = partial(Histogram, buckets=DURATION_BUCKETS, registry=registry)
        self._predictions = counter("readmit_predictions", "Predictions.", ["version", "outcome"])
        self.duration = histogram(
            "readmit_prediction_duration_seconds",
            "Time to compute a prediction, without reading the request.",
            ["route"],
        )
        self._errors = counter(
            "readmit_prediction_errors",
            "Requests and batch rows for which no prediction could be made.",
            ["status"],
        )
        self._not_applicable = counter(
            "readmit_predictions_not_applicable",
            "Encounters, including batch rows, without a prediction because they ended in death or hospice.",
        )
        self._batch_rows = counter(
            "readmit_batch_rows",
            "Rows of the batches that were answered, with or without a prediction.",
        )
        self._requests = counter("readmit_http_requests", "HTTP requests.", ["route", "method", "status"])
        self._request_duration = histogram(
            "readmit_http_request_duration_seconds",
            "Time from routing to response.",
            ["route"],
        )
        self._model = gauge(
            "readmit_model_info",
            "The loaded model version.",
            ["name", "version", "candidate", "target"],
        )
        self._loaded = gauge("readmit_model_loaded_timestamp_seconds", "When the model was loaded.")
        self._reloads = counter(
            "readmit_model_reloads",
            "Models that were loaded and put into service, the first included.",
        )
        self.reload_failures = counter(
            "readmit_model_reload_failures",
            "Failed attempts to load the production model, also because there is none any more.",
        )

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def prediction_metrics(self, version: Version) -> "PredictionMetrics":
        """Return the metrics of a prediction by this version, looked up once and not per request."""
        route = "/predict"
        return PredictionMetrics(
            outcomes=tuple(self._predictions.labels(version.number, outcome).inc for outcome in (0, 1)),
            requests=self._requests.labels(route, "POST", 200).inc,
            duration=self.duration.labels(route).observe,
            request_duration=self._request_duration.labels(route).observe,
        )

    def record_loaded_model(self, version: Version, at: datetime) -> None:
        """Count a version that was put into service, and set the gauges of it."""
        self._reloads.inc()
        self.record_promotion(version)
        self._model.clear()
        self._model.labels(MODEL, version.number, version.candidate, version.target).set(1)
        self._loaded.set(at.timestamp())

    def record_promotion(self, version: Version) -> None:
        """Set when and why the loaded version was put into production."""
        self.promoted, note = None, version.promoted_note
        # MLflow's page can edit the note, so it may have no valid time.
        with contextlib.suppress(ValueError):
            if note is not None:
                cause = "day" if note.by == PROMOTE_STEP else "rollback"
                self.promoted = (cause,), datetime.fromisoformat(note.at).timestamp()

    def count_batch_rows(self, rows: int) -> None:
        """Count the rows of a batch that was answered."""
        self._batch_rows.inc(rows)

    def count_rejected_rows(self, rows: int) -> None:
        """Count the invalid rows of a batch."""
        self._errors.labels(422).inc(rows)

    def count_not_applicable(self, rows: int) -> None:
        """Count encounters that ended in death or hospice."""
        self._not_applicable.inc(rows)

    def record_response(self, scope: HTTPScope, route: str, status: int, seconds: float, version: str = "") -> None:
        """Count one response and add it to the request log. `version`: the one that predicted, empty if none did."""
        received = received_method(scope)
        method = received if received in METHODS else "other"
        self._requests.labels(route, method, status).inc()
        if scope["state"].get(NOT_APPLICABLE_STATE):
            self.count_not_applicable(1)
        elif route in PREDICTION_ROUTES and status >= 400:
            self._errors.labels(status).inc()
        self._request_duration.labels(route).observe(seconds)
        self._request_log.record(request_id(scope), method, route, status, seconds, version)

    async def before_send(self, message: Message, scope: Scope) -> None:
        """Record each response: Litestar calls this before it sends a message, also for unknown routes.

        All unknown routes share one label, so that a scan cannot create new time series.
        """
        if message["type"] == "http.response.start" and scope["type"] == ScopeType.HTTP:
            version = dict(message["headers"]).get(VERSION_HEADER.lower().encode(), b"").decode()
            message["headers"] = [*message["headers"], (REQUEST_ID.lower().encode(), request_id(scope).encode())]
            now = perf_counter()
            route = str(scope.get("path_template") or UNKNOWN)
            seconds = now - scope["state"].get(STARTED_AT, now)
            self.record_response(scope, route, message["status"], seconds, version)


async def record_start(request: Request[Any, Any, Any]) -> None:
    """Record the start of a request: Litestar calls this before the handler."""
    request.scope["state"][STARTED_AT] = perf_counter()
