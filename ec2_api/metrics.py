"""What the data API tells Prometheus about itself."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.001, 0.005, 0.02, 0.1, 0.5, 2, 10)


class SourceMetrics:
    """One registry for each application, so that two in one process do not share counts."""

    def __init__(self, batches: int, rows: int) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "readmit_source_requests",
            "Requests answered, by route and status.",
            ("route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "readmit_source_request_seconds",
            "Seconds from a request to the head of its answer.",
            ("route",),
            registry=self._registry,
            buckets=SECONDS,
        )
        self._released = self._gauge("readmit_source_batches_released", "Batches released so far.")
        self._gauge("readmit_source_batches", "Batches that the source holds.").set(batches)
        self._gauge("readmit_source_rows", "Encounters that the source holds.").set(rows)

    def _gauge(self, name: str, meaning: str) -> Gauge:
        return Gauge(name, meaning, registry=self._registry)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """`route` is the pattern, not the address: the labels stay few."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def released(self, batches: int) -> None:
        self._released.set(batches)

    def text(self) -> bytes:
        return generate_latest(self._registry)
