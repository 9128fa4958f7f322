"""A day's metrics for Prometheus, by its pushgateway: a step ends before Prometheus could scrape it."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException

from prometheus_client import CollectorRegistry, Gauge, push_to_gateway

log = logging.getLogger(__name__)
JOB = "flows"
TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class DayMetrics:
    """The metrics of a day. `rows` by stage, `step_seconds` by step; `figures`: its model's, on the test patients.

    `production`: the version in production when the day ended. `finished_at`: seconds since 1970.
    """

    batch: int
    batches_done: int
    rows: Mapping[str, int]
    step_seconds: Mapping[str, float]
    production: int | None
    figures: Mapping[str, float]
    finished_at: float


def push(url: str, day: DayMetrics) -> None:
    """Push the metrics of a day, which replace those of the day before.

    A failure is only logged: the day's work is done by now, and its report in S3 holds the same metrics.
    """
    registry = build_registry(day)
    try:
        push_to_gateway(url, JOB, registry, timeout=TIMEOUT_SECONDS)
    except (OSError, HTTPException, ValueError) as error:
        log.warning("READMIT_PUSHGATEWAY_URL: could not push the day's metrics to %s: %r", url, error)


def build_registry(day: DayMetrics) -> CollectorRegistry:
    """Return the metrics of a day as a Prometheus registry."""
    registry = CollectorRegistry()
    Gauge("readmit_batches_done", "Batches done so far.", registry=registry).set(day.batches_done)
    Gauge(
        "readmit_day_batch",
        "Batch of the most recent day; the other metrics of a day refer to it.",
        registry=registry,
    ).set(day.batch)
    Gauge("readmit_day_finished_timestamp_seconds", "When the day ended.", registry=registry).set(day.finished_at)
    _add_gauges("readmit_day_rows", "Encounters of the day's batch by stage.", "station", day.rows, registry)
    _add_gauges("readmit_day_step_seconds", "Duration of each step of the day.", "step", day.step_seconds, registry)
    description = "Metrics of the day's model on the test patients, whether promoted or not."
    _add_gauges("readmit_model_figure", description, "figure", day.figures, registry)
    if day.production is not None:
        production = Gauge(
            "readmit_production_version", "The version in production when the day ended.", registry=registry
        )
        production.set(day.production)
    return registry


def _add_gauges(
    name: str, description: str, label: str, values: Mapping[str, float], registry: CollectorRegistry
) -> None:
    gauge = Gauge(name, description, [label], registry=registry)
    for value, number in values.items():
        gauge.labels(value).set(number)
