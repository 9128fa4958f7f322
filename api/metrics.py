"""What Prometheus reads of the API."""

from collections.abc import Callable, Iterator
from datetime import datetime
from time import perf_counter
from typing import Any, NamedTuple

from litestar import Request
from litestar.enums import ScopeType
from litestar.types import HTTPScope, Message, Scope
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily
from prometheus_client.registry import Collector

from api.access_log import LogOutput, Requests
from api.errors import REQUEST_ID, WITHOUT_RISK, request_id
from readmit.core.version import MODEL, Version

STARTED, UNKNOWN = "started", "unknown"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
PREDICTING = frozenset({"/predict", "/predict_batch"})
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class PredictionMetrics(NamedTuple):
    """The metrics of a prediction that went well. `outcomes`: by prediction, 0 and 1; durations take seconds."""

    outcomes: tuple[Callable[[float], None], ...]
    requests: Callable[[float], None]
    duration: Callable[[float], None]
    request_duration: Callable[[float], None]


class DroppedLines(Collector):
    """The count that the log keeps of itself: requests are not the only ones that log."""

    def __init__(self, output: LogOutput) -> None:
        self._output = output

    def collect(self) -> Iterator[CounterMetricFamily]:
        text = "Log lines that the disk or the reader of the log did not take."
        yield CounterMetricFamily("readmit_log_lines_dropped", text, value=self._output.dropped)


class ApiMetrics:
    """The metrics of one app, in a registry of its own."""

    def __init__(self, requests: Requests) -> None:
        self._noted = requests
        self._registry = own = CollectorRegistry()
        ProcessCollector(registry=own)
        own.register(DroppedLines(requests.output))
        self._predictions = Counter("readmit_predictions", "Predictions.", ["version", "outcome"], registry=own)
        self.duration = Histogram(
            "readmit_prediction_duration_seconds",
            "How long the answer took to make, once the encounters were there.",
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
        self._not_applicable = Counter(
            "readmit_predictions_not_applicable",
            "Encounters without a prediction because they ended in death or hospice, a batch's rows included.",
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

    def predicting(self, version: Version) -> "PredictionMetrics":
        """What one answer of /predict counts in, found once and not each time."""
        route = "/predict"
        return PredictionMetrics(
            outcomes=tuple(self._predictions.labels(version.number, outcome).inc for outcome in (0, 1)),
            requests=self._requests.labels(route, "POST", 200).inc,
            duration=self.duration.labels(route).observe,
            request_duration=self._request_duration.labels(route).observe,
        )

    def model_loaded(self, version: Version, at: datetime) -> None:
        self._model.clear()
        self._model.labels(MODEL, version.number, version.candidate, version.target).set(1)
        self._loaded.set(at.timestamp())

    def refused_rows(self, rows: int) -> None:
        self._errors.labels(422).inc(rows)

    def not_applicable(self, rows: int) -> None:
        """Count encounters that ended in death or hospice."""
        self._not_applicable.inc(rows)

    def answered(self, scope: HTTPScope, route: str, status: int, seconds: float) -> None:
        """Counts one answer, and has it noted."""
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._requests.labels(route, method, status).inc()
        if scope["state"].get(WITHOUT_RISK):
            self.not_applicable(1)
        elif route in PREDICTING and status >= 400:
            self._errors.labels(status).inc()
        self._request_duration.labels(route).observe(seconds)
        self._noted.note(request_id(scope), method, route, status, seconds)

    async def before_send(self, message: Message, scope: Scope) -> None:
        """Litestar's hook for each message that goes out, also where no route was found.

        What no route takes is one route, so that a scan makes no metrics.
        """
        if message["type"] == "http.response.start" and scope["type"] == ScopeType.HTTP:
            message["headers"] = [*message["headers"], (REQUEST_ID.lower().encode(), request_id(scope).encode())]
            now = perf_counter()
            route = str(scope.get("path_template") or UNKNOWN)
            self.answered(scope, route, message["status"], now - scope["state"].get(STARTED, now))


async def note_start(request: Request[Any, Any, Any]) -> None:
    """Litestar's hook before a route's handler."""
    request.scope["state"][STARTED] = perf_counter()
