"""A day's figures for Prometheus, by its pushgateway: a step is over before anybody could ask it."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException

from prometheus_client import CollectorRegistry, Gauge, push_to_gateway

log = logging.getLogger(__name__)
JOB = "flows"
PATIENCE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class DayMetrics:
    """What a day did. `rows` by station, `step_seconds` by step; `figures`: its model's, on the test patients.

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
    """Puts the day's figures in the place of those of the day before.

    A pushgateway that does not take them is warned of and nothing more: figures to look at are not worth a day's work,
    which is done by now, and the day's report in S3 holds them all.
    """
    figures = metrics_of(day)
    try:
        push_to_gateway(url, JOB, figures, timeout=PATIENCE_SECONDS)
    except (OSError, HTTPException, ValueError) as error:
        log.warning("READMIT_PUSHGATEWAY_URL: %s does not take the day's figures: %r", url, error)


def metrics_of(day: DayMetrics) -> CollectorRegistry:
    """The figures as Prometheus reads them."""
    own = CollectorRegistry()
    Gauge("readmit_batches_done", "Batches done so far.", registry=own).set(day.batches_done)
    Gauge(
        "readmit_day_batch",
        "The batch of the day that ended last; what else is said of a day, is of this one.",
        registry=own,
    ).set(day.batch)
    Gauge("readmit_day_finished_timestamp_seconds", "When the day ended.", registry=own).set(day.finished_at)
    _by("readmit_day_rows", "Encounters of the day's batch that reached a station.", "station", day.rows, own)
    _by("readmit_day_step_seconds", "What each step of the day took.", "step", day.step_seconds, own)
    _by("readmit_model_figure", "The day's model on the test patients, promoted or not.", "figure", day.figures, own)
    if day.production is not None:
        version = Gauge("readmit_production_version", "The version in production when the day ended.", registry=own)
        version.set(day.production)
    return own


def _by(name: str, meaning: str, label: str, values: Mapping[str, float], registry: CollectorRegistry) -> None:
    gauge = Gauge(name, meaning, [label], registry=registry)
    for value, number in values.items():
        gauge.labels(value).set(number)
