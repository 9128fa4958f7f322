"""What boards read from the alert rules: thresholds and runbooks."""

import re
from functools import cache
from pathlib import Path

import yaml

RULES = Path(__file__).parents[2] / "grafana/rules.yml"
PROMETHEUS_VARIABLE = "prometheus"
LAST_COMPARISON = re.compile(r"[<>]=?\s*([\d.]+(?:e\d+)?)\s*\)*\s*$")


@cache
def alert_rules() -> dict[str, dict[str, str]]:
    """Return the expression (`expr`) and the runbook (`runbook_url`) of each alert."""
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    return {rule["alert"]: {"expr": rule["expr"], **rule["annotations"]} for rule in rules}


def runbook(alert: str) -> str:
    """Return the address of an alert's runbook; the board's variable `prometheus` is the part before the path."""
    return alert_rules()[alert]["runbook_url"].replace("{{ $externalURL }}", f"${{{PROMETHEUS_VARIABLE}:raw}}")


def runbook_prefix() -> str:
    """Return what the address of every runbook begins with, before the name of the alert."""
    (prefix,) = {runbook(alert).removesuffix(alert) for alert in alert_rules()}
    return prefix


def alert_threshold(alert: str) -> float:
    """Return the threshold of an alert: the number of the last comparison in its expression.

    Raises ValueError when the expression does not end with one.
    """
    found = LAST_COMPARISON.search(alert_rules()[alert]["expr"])
    if found is None:
        raise ValueError(f"{RULES.name}: the expression of {alert} does not end with a comparison with a number")
    return float(found[1])
