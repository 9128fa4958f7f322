"""Prometheus, its rules, its exporters and Grafana's sources agree with the Compose services and the code's metrics."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from compose import airflow_metrics
from flows import health_server
from readmit.containers.user_project import WEBHOOK_FILE
from tests.stack.compose_files import ROOT, read, services
from tests.stack.promql import THIRD_PARTY_METRICS

GRAFANA = ROOT / "grafana"
SERVICES = services()

NOT_SCRAPED = {
    "mysql": "mysqld-exporter exports its metrics",
    "locust": "it generates load and is seldom up",
    "grafana": "it shows metrics, and its users notice a failure",
}
"""Long-running services that Prometheus does not scrape, with the reason."""

OF_EVERY_PROCESS = {"process_cpu_seconds_total"}
"""What monitoring costs: tests/e2e/test_stack_metrics.py measures it."""
IN_RUNBOOKS = {"alertmanager_notifications_failed_total", "active_sessions"}
"""Third-party metrics that a runbook names and no board or rule reads."""


def load(file: Path) -> Any:
    return yaml.safe_load(file.read_text())


PROMETHEUS = load(GRAFANA / "prometheus.yml")
JOBS = {job["job_name"]: job for file in sorted(GRAFANA.glob("scrape/*.yml")) for job in load(file)["scrape_configs"]}
SERVICE_OF = {name: name.removesuffix("-metrics") for name in JOBS}
"""A job has the name of its service; Airflow has a second one, as its first is a probe."""
PROBES = {name for name, job in JOBS.items() if job.get("metrics_path") == "/probe"}
SOURCES = {source["uid"]: source for source in load(GRAFANA / "provisioning/datasources/prometheus.yml")["datasources"]}


ALIASES = {
    alias: name
    for name, service in SERVICES.items()
    if isinstance(service.config["networks"], dict)
    for options in service.config["networks"].values()
    for alias in (options or {}).get("aliases", ())
}


def service_at(address: str) -> str:
    """Return the Compose service at HOST:PORT, by its name or an alias; its configuration must name that port."""
    name, _, port = address.rpartition(":")
    host = ALIASES.get(name, name)
    assert re.search(rf"\b{port}\b", str(SERVICES[host].config)), f"{host} does not name port {port}"
    return host


def targets(name: str) -> list[str]:
    """Return the addresses that a job scrapes, by a fixed target or by the name that resolves to every replica."""
    job = JOBS[name]
    resolved = [f"{host}:{config['port']}" for config in job.get("dns_sd_configs", []) for host in config["names"]]
    return resolved + [target for config in job.get("static_configs", []) for target in config["targets"]]


def probed(name: str) -> str:
    """Return the address that the blackbox exporter requests for a job."""
    (address,) = JOBS[name]["params"]["target"]
    return str(address)


def kept_patterns(name: str) -> list[str]:
    """Return the patterns of the metrics of a job that Prometheus stores; none when it stores all."""
    configs = JOBS[name].get("metric_relabel_configs", [])
    return [config["regex"] for config in configs if config["action"] == "keep"]


def is_kept(metric: str, name: str) -> bool:
    """Return whether Prometheus stores a metric of a job. A pattern may end with a semicolon and the label `mode`."""
    values = (metric, f"{metric};", f"{metric};idle")
    return all(any(re.fullmatch(pattern, value) for value in values) for pattern in kept_patterns(name))


def alternatives(pattern: str) -> set[str]:
    """Return the names that a pattern of names, groups and alternatives matches, without what follows a semicolon."""
    group = re.search(r"\(([^()]*)\)(\??)", pattern)
    if group is None:
        return {name.partition(";")[0] for name in pattern.split("|")}
    choices = [*group[1].split("|"), *([""] if group[2] else [])]
    *others_before, head = pattern[: group.start()].split("|")
    tail, *others_after = pattern[group.end() :].split("|")
    return alternatives("|".join([*others_before, *(f"{head}{choice}{tail}" for choice in choices), *others_after]))


def test_each_job_has_a_file_of_its_own() -> None:
    files = {file.stem: [job["job_name"] for job in load(file)["scrape_configs"]] for file in GRAFANA.glob("scrape/*")}
    assert files == {name: [name] for name in JOBS}
    assert PROMETHEUS["scrape_config_files"] == ["scrape/*.yml"]
    assert "scrape_configs" not in PROMETHEUS


@pytest.mark.parametrize("name", sorted(JOBS.keys() - PROBES))
def test_a_job_has_the_name_and_port_of_its_service(name: str) -> None:
    (target,) = targets(name)
    assert service_at(target) == SERVICE_OF[name]


@pytest.mark.parametrize("name", sorted(PROBES))
def test_a_probe_has_the_name_and_port_of_its_service_and_a_known_module(name: str) -> None:
    job = JOBS[name]
    assert [service_at(target) for target in targets(name)] == ["blackbox-exporter"]
    assert service_at(urlsplit(probed(name)).netloc) == name
    assert set(job["params"]["module"]) <= load(GRAFANA / "blackbox.yml")["modules"].keys()
    (instance,) = job["relabel_configs"]
    assert instance == {"target_label": "instance", "replacement": urlsplit(probed(name)).netloc}
    assert is_kept("probe_success", name)


def test_a_probe_requests_what_the_api_requests_for_its_list_of_services() -> None:
    listed = dict(re.findall(r"([\w-]+)=(\S+?)(?:,|$)", str(SERVICES["api"].environment["READMIT_SERVICES"])))
    assert {name: probed(name) for name in PROBES & listed.keys()} == {
        name: listed[name] for name in PROBES - {"flows"}
    }


def test_every_long_running_service_is_scraped_or_has_a_reason() -> None:
    long_running = {name for name, service in SERVICES.items() if service.is_long_running}
    assert long_running == set(SERVICE_OF.values()) | set(NOT_SCRAPED)
    assert not set(SERVICE_OF.values()) & set(NOT_SCRAPED)


@pytest.mark.parametrize("name", JOBS)
def test_a_job_shares_a_network_with_what_requests_it(name: str) -> None:
    client = "blackbox-exporter" if name in PROBES else "prometheus"
    assert set(SERVICES[client].config["networks"]) & set(SERVICES[SERVICE_OF[name]].config["networks"])


def test_pushed_metrics_keep_the_labels_of_their_source() -> None:
    assert [name for name, job in JOBS.items() if job.get("honor_labels")] == ["pushgateway"]


def test_every_replica_of_the_api_is_scraped() -> None:
    assert JOBS["api"]["dns_sd_configs"] == [{"names": ["api-replicas"], "type": "A", "port": 8000}]
    assert SERVICES["api"].config["networks"]["services"] == {"aliases": ["api-replicas"]}


@pytest.mark.parametrize(("metric", "job"), THIRD_PARTY_METRICS.items())
def test_a_third_party_metric_in_rules_and_boards_is_stored(metric: str, job: str) -> None:
    assert is_kept(metric, job) or metric in ("up", "ALERTS"), f"{metric} is not kept by grafana/scrape/{job}.yml"


@pytest.mark.parametrize("name", JOBS)
def test_a_third_party_metric_that_is_stored_is_used(name: str) -> None:
    used = {*THIRD_PARTY_METRICS, *OF_EVERY_PROCESS, *IN_RUNBOOKS, "readmit_.*"}
    assert {metric for pattern in kept_patterns(name) for metric in alternatives(pattern)} <= used


@pytest.mark.parametrize("metric", sorted(IN_RUNBOOKS))
def test_a_metric_that_is_stored_for_a_runbook_is_in_one(metric: str) -> None:
    assert f"`{metric}`" in (ROOT / "docs/runbooks.md").read_text()


def test_the_names_of_a_pattern_are_found() -> None:
    assert alternatives("a_(b|c)_d;|e_(f_)?g|h;i") == {"a_b_d", "a_c_d", "e_f_g", "e_g", "h"}


def test_alerts_are_sent_to_the_service_alertmanager() -> None:
    ((static_config,),) = [config["static_configs"] for config in PROMETHEUS["alerting"]["alertmanagers"]]
    assert [service_at(target) for target in static_config["targets"]] == ["alertmanager"]


def test_without_a_webhook_alertmanager_sends_nothing_and_has_no_way_out() -> None:
    config = load(GRAFANA / "alertmanager.yml")
    assert config["receivers"] == [{"name": config["route"]["receiver"]}]
    assert SERVICES["alertmanager"].config["networks"] == ["services"]


def test_with_a_webhook_alertmanager_reads_its_address_from_the_mounted_secret() -> None:
    override = read(ROOT / WEBHOOK_FILE)
    (secret,) = override["services"]["alertmanager"]["secrets"]
    assert override["secrets"][secret]["file"].endswith(f"/given/{secret}")
    config = load(GRAFANA / "alertmanager-webhook.yml")
    (receiver,) = config["receivers"]
    assert receiver["name"] == config["route"]["receiver"]
    assert receiver["webhook_configs"] == [{"url_file": f"/run/secrets/{secret}", "send_resolved": True}]


def test_the_configuration_with_a_webhook_replaces_the_one_without() -> None:
    (volume,) = read(ROOT / WEBHOOK_FILE)["services"]["alertmanager"]["volumes"]
    file, target, _ = volume.split(":")
    # Relative to the folder of compose.yaml, over which the file is merged.
    assert (ROOT / file).resolve() == GRAFANA / "alertmanager-webhook.yml"
    assert [item for item in SERVICES["alertmanager"].config["volumes"] if item.split(":")[1] == target]


def test_grafanas_sources_are_services_with_fixed_uids() -> None:
    assert {uid: service_at(source["url"].removeprefix("http://")) for uid, source in SOURCES.items()} == {
        "prometheus": "prometheus",
        "alertmanager": "alertmanager",
    }
    assert not any(source["editable"] for source in SOURCES.values())
    assert SOURCES["prometheus"]["jsonData"]["timeInterval"] == PROMETHEUS["global"]["scrape_interval"]


@pytest.mark.parametrize("name", ["prometheus", "alertmanager", "blackbox-exporter", "grafana"])
def test_the_files_mounted_into_a_service_exist(name: str) -> None:
    mounted = [volume.split(":")[0] for volume in SERVICES[name].config["volumes"]]
    files = [ROOT / "compose" / path for path in mounted if path.startswith(".")]
    assert files
    assert all(file.exists() and file.resolve().is_relative_to(GRAFANA) for file in files)


def test_a_day_is_pushed_to_the_service_pushgateway() -> None:
    for name in ("flows", "migrate"):
        address = str(SERVICES[name].environment["READMIT_PUSHGATEWAY_URL"])
        assert service_at(address.removeprefix("http://")) == "pushgateway"


def test_airflow_sends_its_metrics_to_the_server_beside_it_which_prometheus_scrapes() -> None:
    environment = SERVICES["airflow"].environment
    receiver = urlsplit(str(environment["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"]))
    assert ((receiver.hostname, receiver.port), receiver.path) == (airflow_metrics.RECEIVER, airflow_metrics.OTLP_PATH)
    assert environment["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"] == "delta"
    assert targets("airflow-metrics") == [f"airflow:{airflow_metrics.EXPORTER[1]}"]


def test_the_health_of_flows_is_relayed_from_a_port_of_its_own() -> None:
    relayed = urlsplit(probed("flows")).port
    assert relayed == health_server.PORT
    assert str(SERVICES["flows"].environment["PREFECT_RUNNER_SERVER_PORT"]) != str(relayed)
