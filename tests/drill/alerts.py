"""The alerts of a stack: which Prometheus fires, and which have arrived at Alertmanager."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from readmit.containers.project import Project
from tests.e2e.containers import Stack

POLL_SECONDS = 5.0
TIMEOUT_SECONDS = 45 * 60.0
"""Longer than the longest delay of a rule that can be drilled: 30 minutes."""
AMTOOL = ("amtool", "--alertmanager.url=http://127.0.0.1:9093", "--output=json", "alert", "query")


class DrillError(Exception):
    """An alert that did not do what is expected of it; the message says which one."""


@dataclass(frozen=True, slots=True)
class ExpectedAlert:
    """An alert by its name, and by those of its labels that matter."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return the alert as in PromQL, without quotes."""
        labels = ", ".join(f"{name}={value}" for name, value in self.labels.items())
        return f"{self.name}{{{labels}}}" if labels else self.name

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether an alert with these labels is the expected one."""
        return labels.items() >= {"alertname": self.name, **self.labels}.items()


@dataclass(frozen=True, slots=True)
class AlertMonitor:
    """A monitor of alerts. It asks Prometheus, which costs little, and Alertmanager only once Prometheus fires."""

    stack: Stack

    def is_firing(self, alert: ExpectedAlert) -> bool:
        """Return whether Prometheus fires the alert."""
        alerts = self.stack.get("prometheus", "/api/v1/alerts")["data"]["alerts"]
        return any(item["state"] == "firing" and alert.matches(item["labels"]) for item in alerts)

    def has_arrived(self, alert: ExpectedAlert) -> bool:
        """Return whether Alertmanager has the alert, and would notify somebody."""
        return any(alert.matches(labels) for labels in _labels_in_alertmanager(self.stack.project, alert.name))

    def wait_until_arrived(self, alert: ExpectedAlert) -> None:
        """Wait until the alert is at Alertmanager. Raises DrillError when that takes too long."""
        wait_until(lambda: self.is_firing(alert) and self.has_arrived(alert), f"{alert} did not fire")

    def wait_until_clear(self, alert: ExpectedAlert) -> None:
        """Wait until the alert has ended at Alertmanager, too. Raises DrillError when that takes too long."""
        wait_until(lambda: not self.is_firing(alert) and not self.has_arrived(alert), f"{alert} did not clear")


def wait_until(condition: Callable[[], bool], failure: str, seconds: float = TIMEOUT_SECONDS) -> None:
    """Wait for a condition. Raises DrillError, with the failure, when it is not met in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise DrillError(f"{failure} within {seconds:.0f} s")
        time.sleep(POLL_SECONDS)


def _labels_in_alertmanager(project: Project, name: str) -> list[dict[str, str]]:
    output = project.output("exec", "-T", "alertmanager", *AMTOOL, f"alertname={name}")
    return [item["labels"] for item in json.loads(output)]
