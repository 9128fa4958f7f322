"""Prometheus, its rules and Grafana's sources agree with the Compose services and the metrics of the code."""

import re
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest

import ec2_api.metrics
from api.access_log import RequestLog
from api.metrics import ApiMetrics
from readmit.io.pushgateway import DayMetrics, build_registry
from tests.stack.compose_files import ROOT, services

GRAFANA = ROOT / "grafana"
SERVICES = services()

NOT_SCRAPED = {
    "mysql": "mysqld-exporter exports its metrics",
    "prefect": "its metrics cover its process but no run",
    "flows": "a run ends before a scrape: it pushes its metrics",
    "airflow": "its page shows its runs; it is a mirror and seldom up",
    "ui": "Streamlit exports no metrics",
    "locust": "it generates load and is seldom up",
    "grafana": "it shows metrics, and its users notice a failure",
}
"""Long-running services that Prometheus does not scrape, with the reason."""

THIRD_PARTY_METRICS = {
    **{"up": "prometheus", "ALERTS": "prometheus"},
    **{"mysql_up": "mysqld-exporter", "SeaweedFS_volumeServer_resource": "s3"},
}
"""Third-party metrics in rules, with the job that exports each."""

QUERY_KEYWORDS = {
    "and",
    "or",
    "unless",
    "on",
    "by",
    "without",
    "ignoring",
    "group_left",
    "group_right",
    "bool",
    "offset",
}


def read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((GRAFANA / name).read_text())
    return content


PROMETHEUS = read("prometheus.yml")
JOBS = {
    job["job_name"]: job
    for config in (PROMETHEUS, *(read(f"scrape/{file.name}") for file in sorted(GRAFANA.glob("scrape/*.yml"))))
    for job in config["scrape_configs"]
}
RULES = {
    rule["alert"]: rule
    for name in PROMETHEUS["rule_files"]
    for group in read(name)["groups"]
    for rule in group["rules"]
}
SOURCES = {source["uid"]: source for source in read("provisioning/datasources/prometheus.yml")["datasources"]}


def service_at(address: str) -> str:
    """Return the Compose service at HOST:PORT, whose configuration must name that port."""
    host, _, port = address.rpartition(":")
    assert re.search(rf"\b{port}\b", str(SERVICES[host].config)), f"{host} does not name port {port}"
    return host


@pytest.mark.parametrize("name", JOBS)
def test_a_job_has_the_name_and_port_of_its_service(name: str) -> None:
    ((target,),) = [config["targets"] for config in JOBS[name]["static_configs"]]
    assert service_at(target) == name


def test_every_long_running_service_is_scraped_or_has_a_reason() -> None:
    long_running = {name for name, service in SERVICES.items() if service.is_long_running}
    assert long_running == set(JOBS) | set(NOT_SCRAPED)
    assert not set(JOBS) & set(NOT_SCRAPED)


@pytest.mark.parametrize("name", JOBS)
def test_prometheus_shares_a_network_with_each_job(name: str) -> None:
    assert set(SERVICES["prometheus"].config["networks"]) & set(SERVICES[name].config["networks"])


def test_pushed_metrics_keep_the_labels_of_their_source() -> None:
    assert [name for name, job in JOBS.items() if job.get("honor_labels")] == ["pushgateway"]


def test_alerts_are_sent_to_the_service_alertmanager() -> None:
    ((static_config,),) = [config["static_configs"] for config in PROMETHEUS["alerting"]["alertmanagers"]]
    assert [service_at(target) for target in static_config["targets"]] == ["alertmanager"]


def our_metrics() -> set[str]:
    """Return every metric that the code exports or pushes."""
    day = DayMetrics(1, 1, {"raw": 1}, {"fetch": 1.0}, 1, {"roc_auc": 0.7}, 0.0)
    text = (
        ApiMetrics(RequestLog()).text()
        + ec2_api.metrics.SourceMetrics(1, 1).text()
        + generate_latest(build_registry(day))
    )
    return set(re.findall(r"^# TYPE (readmit_\w+) ", text.decode(), re.MULTILINE))


def metrics_in(expression: str) -> set[str]:
    """Return the metrics of a query: its names that are no function, keyword or label."""
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|\"[^\"]*\"|\b(by|without|on|ignoring)\s*\([^)]*\)", " ", expression)
    names = re.findall(r"(?<![\w.])([a-zA-Z_:][\w:]*)\b(?!\s*\()", bare)
    return set(names) - QUERY_KEYWORDS


def test_only_metrics_are_read_from_a_query() -> None:
    query = 'sum by (job) (rate(a_total{b="c", d=~"e|f"}[5m])) / on (g) h offset 5m > 5 * 1024 ^ 3 unless absent(i)'
    assert metrics_in(query) == {"a_total", "h", "i"}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_reads_existing_metrics(name: str) -> None:
    metrics = metrics_in(RULES[name]["expr"])
    assert metrics
    assert metrics <= our_metrics() | set(THIRD_PARTY_METRICS)


def test_third_party_metrics_in_rules_belong_to_scraped_jobs() -> None:
    assert set().union(*(metrics_in(rule["expr"]) for rule in RULES.values())) >= set(THIRD_PARTY_METRICS)
    assert set(THIRD_PARTY_METRICS.values()) <= set(JOBS)


@pytest.mark.parametrize("name", RULES)
def test_an_alert_has_a_delay_and_a_summary_of_one_sentence(name: str) -> None:
    assert re.fullmatch(r"\d+m", RULES[name]["for"])
    (summary,) = RULES[name]["annotations"].values()
    assert re.fullmatch(r"[^\n]{20,120}\.", summary)


def test_grafanas_sources_are_services_with_fixed_uids() -> None:
    assert {uid: service_at(source["url"].removeprefix("http://")) for uid, source in SOURCES.items()} == {
        "prometheus": "prometheus",
        "alertmanager": "alertmanager",
    }
    assert not any(source["editable"] for source in SOURCES.values())
    assert SOURCES["prometheus"]["jsonData"]["timeInterval"] == PROMETHEUS["global"]["scrape_interval"]


@pytest.mark.parametrize("name", ["prometheus", "alertmanager", "grafana"])
def test_the_files_mounted_into_a_service_exist(name: str) -> None:
    mounted = [volume.split(":")[0] for volume in SERVICES[name].config["volumes"]]
    files = [ROOT / "compose" / path for path in mounted if path.startswith(".")]
    assert files
    assert all(file.exists() and file.resolve().is_relative_to(GRAFANA) for file in files)


def test_a_day_is_pushed_to_the_service_pushgateway() -> None:
    for name in ("flows", "migrate"):
        address = str(SERVICES[name].environment["READMIT_PUSHGATEWAY_URL"])
        assert service_at(address.removeprefix("http://")) == "pushgateway"
