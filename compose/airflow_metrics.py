"""Metrics of Airflow for Prometheus: receives them by OTLP on loopback and serves their sums to Prometheus.

Each of Airflow's processes, and each task, sends what it has counted since it last did (delta temporality). Prometheus
would need an open receiver for that, and would not add up what the tasks send: docs/decisions/0029.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import ClassVar

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_DELTA, Metric, NumberDataPoint

RECEIVER, EXPORTER = ("127.0.0.1", 4318), ("", 9464)
"""The ports that OpenTelemetry uses for OTLP over HTTP and for Prometheus."""
OTLP_PATH, METRICS_PATH = "/v1/metrics", "/metrics"
LABELS = ("dag_id", "task_id")
"""The attributes that become labels. All others are dropped, and with them the number of series is bounded."""
MAX_BODY_BYTES = 2**20
TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"
Series = tuple[str, tuple[tuple[str, str], ...]]


class ReceivedMetrics:
    """The counters and gauges that have been received, for all threads. Histograms are ignored."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._values: dict[Series, float] = {}

    def add(self, request: ExportMetricsServiceRequest) -> None:
        """Add deltas to their counters, and replace the values of gauges."""
        with self._lock:
            for metric in _metrics(request):
                is_delta = metric.sum.aggregation_temporality == AGGREGATION_TEMPORALITY_DELTA
                for point in (*metric.sum.data_points, *metric.gauge.data_points):
                    series = _series(metric, point)
                    before = self._values.get(series, 0.0) if is_delta else 0.0
                    self._values[series] = before + (point.as_double or point.as_int)

    def text(self) -> str:
        """Return all metrics in Prometheus's text format."""
        with self._lock:
            values = sorted(self._values.items())
        lines, name_before = [], ""
        for (name, labels), value in values:
            if name != name_before:
                lines.append(f"# TYPE {name} {'counter' if name.endswith('_total') else 'gauge'}")
            name_before = name
            lines.append(f"{name}{_label_text(labels)} {value:.15g}")
        return "".join(f"{line}\n" for line in lines)


def _metrics(request: ExportMetricsServiceRequest) -> Iterator[Metric]:
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            yield from scope.metrics


def _series(metric: Metric, point: NumberDataPoint) -> Series:
    """Return name and labels of a point in Prometheus's terms."""
    name = re.sub(r"\W", "_", metric.name, flags=re.ASCII) + ("_total" if metric.sum.is_monotonic else "")
    attributes = {attribute.key: attribute.value.string_value for attribute in point.attributes}
    return name, tuple((label, attributes[label]) for label in LABELS if attributes.get(label))


def _label_text(labels: Iterable[tuple[str, str]]) -> str:
    escaped = ((name, value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")) for name, value in labels)
    text = ",".join(f'{name}="{value}"' for name, value in escaped)
    return f"{{{text}}}" if text else ""


class MetricsServer(ThreadingHTTPServer):
    """A server with one of the two routes, for the same metrics."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], route: type["_Route"], metrics: ReceivedMetrics) -> None:
        super().__init__(address, route)
        self.metrics = metrics


class _Route(BaseHTTPRequestHandler):
    timeout = 10.0
    server: MetricsServer
    path_served: ClassVar[str]

    def _respond(self, status: HTTPStatus, kind: str = "text/plain", body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: there are several requests per minute."""


class Receive(_Route):
    """`POST /v1/metrics`: OTLP as protobuf."""

    def do_POST(self) -> None:
        """Add the metrics of a request."""
        size = int(self.headers.get("Content-Length", "0"))
        if self.path != OTLP_PATH or not 0 < size <= MAX_BODY_BYTES:
            self._respond(HTTPStatus.BAD_REQUEST)
            return
        try:
            request = ExportMetricsServiceRequest.FromString(self.rfile.read(size))
        except DecodeError:
            self._respond(HTTPStatus.BAD_REQUEST)
            return
        self.server.metrics.add(request)
        self._respond(HTTPStatus.OK, "application/x-protobuf", ExportMetricsServiceResponse().SerializeToString())


class Export(_Route):
    """`GET /metrics`, for Prometheus."""

    def do_GET(self) -> None:
        """Send the metrics."""
        if self.path == METRICS_PATH:
            self._respond(HTTPStatus.OK, TEXT_FORMAT, self.server.metrics.text().encode())
        else:
            self._respond(HTTPStatus.NOT_FOUND)


def main() -> int:
    """Serve both routes until the process is stopped."""
    metrics = ReceivedMetrics()
    Thread(target=MetricsServer(RECEIVER, Receive, metrics).serve_forever, daemon=True).start()
    MetricsServer(EXPORTER, Export, metrics).serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
