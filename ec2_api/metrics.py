"""Prometheus metrics of the data API."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

DURATION_BUCKETS = (0.001, 0.005, 0.02, 0.1, 0.5, 2, 10)


class SourceMetrics:
    """The metrics of one application, in a registry of their own: two in one process do not share counts."""

    def __init__(self, batches: int, rows: int) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "readmit_source_requests",
            "Requests by route and status.",
            ("route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "readmit_source_request_seconds",
            "Seconds from a request to the head of its response.",
            ("route",),
            registry=self.registry,
            buckets=DURATION_BUCKETS,
        )
        self._released = self._gauge("readmit_source_batches_released", "Batches released so far.")
        self._gauge("readmit_source_batches", "Batches in the source.").set(batches)
        self._gauge("readmit_source_rows", "Encounters in the source.").set(rows)

    def _gauge(self, name: str, help_text: str) -> Gauge:
        return Gauge(name, help_text, registry=self.registry)

    def observe_request(self, route: str, status: int, seconds: float) -> None:
        """Count a request. `route` is the URL pattern, not the URL, to keep the number of labels small."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def set_released(self, batches: int) -> None:
        """Set the number of released batches."""
        self._released.set(batches)

    def text(self) -> bytes:
        """Return the metrics in the Prometheus text format."""
        return generate_latest(self.registry)
