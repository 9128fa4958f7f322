"""The client of the Pushgateway, from which Prometheus scrapes what steps have pushed."""

import logging
from collections.abc import Callable, Sequence
from http.client import HTTPException
from threading import Thread
from urllib.request import ProxyHandler, Request, build_opener

from prometheus_client import CollectorRegistry, Gauge, push_to_gateway, pushadd_to_gateway

from readmit.core.pushed_metrics import JOB, PushedGroup

log = logging.getLogger(__name__)
TIMEOUT_SECONDS = 5.0
_OPENER = build_opener(ProxyHandler({}))


def push(url: str, groups: Sequence[PushedGroup]) -> None:
    """Push the groups, which takes TIMEOUT_SECONDS at most. A failure is only logged: it must not fail a step."""
    failures: list[Exception] = []
    # In a thread, because neither the look-up of a host nor a response that arrives byte by byte has a time limit.
    thread = Thread(target=_push_all, args=(url, groups, failures), daemon=True)
    thread.start()
    thread.join(TIMEOUT_SECONDS)
    if thread.is_alive():
        failures.append(TimeoutError(f"no response within {TIMEOUT_SECONDS:g} s"))
    if failures:
        log.warning("READMIT_PUSHGATEWAY_URL: could not push metrics to %s: %r", url, failures[0])


def _push_all(url: str, groups: Sequence[PushedGroup], failures: list[Exception]) -> None:
    for group in groups:
        send = push_to_gateway if group.replaces_all else pushadd_to_gateway
        try:
            send(url, JOB, build_registry(group), dict(group.labels), timeout=TIMEOUT_SECONDS, handler=_send)
        except (OSError, HTTPException, ValueError) as error:
            failures.append(error)


def _send(
    url: str, method: str, timeout: float | None, headers: list[tuple[str, str]], data: bytes
) -> Callable[[], None]:
    """Return the function that sends a request, as prometheus_client's own does, but through no proxy."""
    request = Request(url, data, dict(headers), method=method)

    def handle() -> None:
        with _OPENER.open(request, timeout=timeout):
            pass

    return handle


def build_registry(group: PushedGroup) -> CollectorRegistry:
    """Return the samples of a group as a Prometheus registry."""
    registry = CollectorRegistry()
    for metric, values in group.samples.items():
        gauge = Gauge(metric.name, metric.description, metric.labels, registry=registry)
        for labels, value in values.items():
            (gauge.labels(*labels) if labels else gauge).set(value)
    return registry
