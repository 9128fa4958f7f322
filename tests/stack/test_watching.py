"""Prometheus, its rules and Grafana's sources, held to the services of Compose and to the metrics of the code."""

import re
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest

import ec2_api.metrics
from api.access_log import Requests
from api.metrics import ApiMetrics
from readmit.io.pushgateway import DayMetrics, metrics_of
from tests.stack.compose_files import ROOT, services

GRAFANA = ROOT / "grafana"
SERVICES = services()

NOT_SCRAPED = {
    "mysql": "mysqld-exporter tells of it",
    "prefect": "it would tell of its process, and of no run",
    "flows": "a run is over before anybody asks: it pushes",
    "airflow": "its page shows its runs; it is the mirror, and seldom up",
    "ui": "Streamlit tells nothing of its own",
    "locust": "it is the load, and seldom up",
    "grafana": "it watches and is watched by who looks",
}
"""Services that stay, and why Prometheus does not ask them."""

OTHERS = {
    **{"up": "prometheus", "ALERTS": "prometheus"},
    **{"mysql_up": "mysqld-exporter", "SeaweedFS_volumeServer_resource": "s3"},
}
"""Metrics of rules that are not ours, and whose they are."""

SCALARS = {"and", "or", "unless", "on", "by", "without", "ignoring", "group_left", "group_right", "bool", "offset"}


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((GRAFANA / name).read_text())
    return found


PROMETHEUS = read("prometheus.yml")
JOBS = {
    job["job_name"]: job
    for told in (PROMETHEUS, *(read(f"scrape/{file.name}") for file in sorted(GRAFANA.glob("scrape/*.yml"))))
    for job in told["scrape_configs"]
}
RULES = {
    rule["alert"]: rule for name in PROMETHEUS["rule_files"] for each in read(name)["groups"] for rule in each["rules"]
}
SOURCES = {source["uid"]: source for source in read("provisioning/datasources/prometheus.yml")["datasources"]}


def is_at(address: str) -> str:
    """The service of Compose at HOST:PORT: its files name that port."""
    host, _, port = address.rpartition(":")
    assert re.search(rf"\b{port}\b", str(SERVICES[host].told)), f"{host} says nothing of port {port}"
    return host


@pytest.mark.parametrize("name", JOBS)
def test_a_job_is_a_service_under_its_name_at_its_port(name: str) -> None:
    ((target,),) = [each["targets"] for each in JOBS[name]["static_configs"]]
    assert is_at(target) == name


def test_every_service_that_stays_is_asked_or_there_is_a_reason() -> None:
    stay = {name for name, each in SERVICES.items() if each.runs_for_long}
    assert stay == set(JOBS) | set(NOT_SCRAPED)
    assert not set(JOBS) & set(NOT_SCRAPED)


@pytest.mark.parametrize("name", JOBS)
def test_prometheus_shares_a_network_with_whom_it_asks(name: str) -> None:
    assert set(SERVICES["prometheus"].told["networks"]) & set(SERVICES[name].told["networks"])


def test_what_was_pushed_keeps_the_name_of_who_pushed_it() -> None:
    assert [name for name, job in JOBS.items() if job.get("honor_labels")] == ["pushgateway"]


def test_alerts_go_to_the_service_alertmanager() -> None:
    ((told,),) = [each["static_configs"] for each in PROMETHEUS["alerting"]["alertmanagers"]]
    assert [is_at(target) for target in told["targets"]] == ["alertmanager"]


def ours() -> set[str]:
    """Every metric that the code tells or pushes."""
    day = DayMetrics(1, 1, {"raw": 1}, {"fetch": 1.0}, 1, {"roc_auc": 0.7}, 0.0)
    text = ApiMetrics(Requests()).text() + ec2_api.metrics.SourceMetrics(1, 1).text() + generate_latest(metrics_of(day))
    return set(re.findall(r"^# TYPE (readmit_\w+) ", text.decode(), re.MULTILINE))


def metrics_in(expression: str) -> set[str]:
    """What a query reads: its words that are no function, no keyword and no label."""
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|\"[^\"]*\"|\b(by|without|on|ignoring)\s*\([^)]*\)", " ", expression)
    words = re.findall(r"(?<![\w.])([a-zA-Z_:][\w:]*)\b(?!\s*\()", bare)
    return set(words) - SCALARS


def test_the_reader_of_queries_sees_metrics_alone() -> None:
    query = 'sum by (job) (rate(a_total{b="c", d=~"e|f"}[5m])) / on (g) h offset 5m > 5 * 1024 ^ 3 unless absent(i)'
    assert metrics_in(query) == {"a_total", "h", "i"}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_reads_metrics_that_there_are(name: str) -> None:
    read_there = metrics_in(RULES[name]["expr"])
    assert read_there
    assert read_there <= ours() | set(OTHERS)


def test_the_metrics_of_others_that_rules_read_are_of_those_who_are_asked() -> None:
    assert set().union(*(metrics_in(rule["expr"]) for rule in RULES.values())) >= set(OTHERS)
    assert set(OTHERS.values()) <= set(JOBS)


@pytest.mark.parametrize("name", RULES)
def test_an_alert_waits_a_while_and_says_in_one_sentence_what_is_wrong(name: str) -> None:
    assert re.fullmatch(r"\d+m", RULES[name]["for"])
    (summary,) = RULES[name]["annotations"].values()
    assert re.fullmatch(r"[^\n]{20,120}\.", summary)


def test_grafana_reads_services_under_uids_that_boards_can_name() -> None:
    assert {uid: is_at(source["url"].removeprefix("http://")) for uid, source in SOURCES.items()} == {
        "prometheus": "prometheus",
        "alertmanager": "alertmanager",
    }
    assert not any(source["editable"] for source in SOURCES.values())
    assert SOURCES["prometheus"]["jsonData"]["timeInterval"] == PROMETHEUS["global"]["scrape_interval"]


@pytest.mark.parametrize("name", ["prometheus", "alertmanager", "grafana"])
def test_what_is_mounted_into_a_service_is_there(name: str) -> None:
    mounted = [volume.split(":")[0] for volume in SERVICES[name].told["volumes"]]
    files = [ROOT / "compose" / path for path in mounted if path.startswith(".")]
    assert files
    assert all(file.exists() and file.resolve().is_relative_to(GRAFANA) for file in files)


def test_a_day_is_pushed_to_the_service_pushgateway() -> None:
    for name in ("flows", "migrate"):
        address = str(SERVICES[name].environment["READMIT_PUSHGATEWAY_URL"])
        assert is_at(address.removeprefix("http://")) == "pushgateway"
