"""Names of metrics: those that a PromQL query reads, and those that exist."""

import re

from tools.metrics_page import all_metrics

EXPORTED_BY = {
    "airflow-metrics": ("airflow_ti_successes_total", "airflow_ti_failures_total"),
    "api": ("process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"),
    "flows": ("probe_success",),
    "mysqld-exporter": ("mysql_up",),
    "node-exporter": (
        *("node_cpu_seconds_total", "node_memory_MemAvailable_bytes", "node_memory_MemTotal_bytes"),
        *("node_filesystem_avail_bytes", "node_filesystem_size_bytes"),
    ),
    "prometheus": ("up", "ALERTS"),
    "pushgateway": ("push_time_seconds", "push_failure_time_seconds"),
}
THIRD_PARTY_METRICS = {metric: job for job, metrics in EXPORTED_BY.items() for metric in metrics}
"""Third-party metrics in rules and boards, with a job that exports each."""

KEYWORDS = frozenset({"and", "or", "unless", "bool", "offset", "group_left", "group_right"})
LABEL_LIST = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
SELECTOR_OR_RANGE = re.compile(r"\{[^}]*\}|\[[^]]*\]")
NAME = re.compile(r"(?<![\w.$])([a-zA-Z_:][\w:]*)\b(?!\s*\()")
SERIES_OF = {"histogram": ("_bucket", "_sum", "_count")}
"""Suffixes of the series of a metric type that exports none under the metric's own name."""


def metrics_in(query: str) -> set[str]:
    """Return the metrics that a query reads: its names that are no function, keyword, label or Grafana variable."""
    # A text may contain brackets.
    without_texts = re.sub(r'"[^"]*"', '""', query)
    bare = LABEL_LIST.sub(" ", SELECTOR_OR_RANGE.sub(" ", without_texts))
    return set(NAME.findall(bare)) - KEYWORDS


def our_metrics() -> set[str]:
    """Return the name of every series that the code exports or pushes."""
    return {metric.name + suffix for metric in all_metrics() for suffix in SERIES_OF.get(metric.kind, ("",))}
