"""Prometheus and alertmanager accept their configuration, checked with the tools of their images."""

import re
import subprocess
from pathlib import Path

import httpx
import pytest
import yaml

from tests.e2e.containers import Stack
from tests.stack.compose_files import ROOT, services
from tools.runbooks_page import SOURCE, page

pytestmark = pytest.mark.e2e
SERVICES = services()
RULE_TESTS = [f"/tests/{file.name}" for file in sorted((ROOT / "tests/e2e/rules").glob("*.yml"))]
RECEIVERS = re.findall(r"```yaml\n(.*?)```", SOURCE.read_text(), re.DOTALL)
"""The receivers for Slack, Teams and email, as the runbooks document them."""


def run_tool(tool: str, service: str, *arguments: str, folder: Path = ROOT / "tests/e2e/rules") -> str:
    """Run a tool of a service's image, with grafana/ mounted as in Prometheus and a folder at /tests."""
    folders = {ROOT / "grafana": "/etc/prometheus", folder: "/tests"}
    mounts = [option for host, inside in folders.items() for option in ("-v", f"{host}:{inside}:ro")]
    image = SERVICES[service].config["image"]
    command = ["docker", "run", "--rm", "--network", "none", *mounts, "--entrypoint", tool, image, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_prometheus_accepts_its_configuration() -> None:
    arguments = ("check", "config", "--lint=all", "--lint-fatal", "/etc/prometheus/prometheus.yml")
    assert "SUCCESS" in run_tool("promtool", "prometheus", *arguments)


def test_each_alert_fires_when_it_should_not_otherwise_and_ends() -> None:
    assert "SUCCESS" in run_tool("promtool", "prometheus", "test", "rules", *RULE_TESTS)


@pytest.mark.parametrize("name", ["alertmanager", "alertmanager-webhook"])
def test_alertmanager_accepts_its_configuration(name: str) -> None:
    assert "SUCCESS" in run_tool("amtool", "alertmanager", "check-config", f"/etc/prometheus/{name}.yml")


@pytest.mark.parametrize("receiver", RECEIVERS, ids=lambda text: text.split(":")[0].strip())
def test_alertmanager_accepts_each_documented_receiver(receiver: str, tmp_path: Path) -> None:
    config = yaml.safe_load((ROOT / "grafana/alertmanager-webhook.yml").read_text())
    config["receivers"] = [{"name": config["receivers"][0]["name"], **yaml.safe_load(receiver)}]
    (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump(config))
    tmp_path.chmod(0o755)
    assert "SUCCESS" in run_tool("amtool", "alertmanager", "check-config", "/tests/alertmanager.yml", folder=tmp_path)


def test_the_exporter_accepts_its_probes() -> None:
    arguments = ("--config.check", "--config.file=/etc/prometheus/blackbox.yml")
    run_tool("blackbox_exporter", "blackbox-exporter", *arguments)


def test_prometheus_serves_the_runbooks_that_its_alerts_link_to(stack: Stack) -> None:
    response = httpx.get(f"{stack.addresses['prometheus']}/consoles/runbooks.html", timeout=30.0, trust_env=False)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    assert response.text == page(SOURCE.read_text())
