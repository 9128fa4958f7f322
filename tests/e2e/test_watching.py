"""Prometheus and alertmanager accept their configuration, checked with the tools of their images."""

import subprocess

import pytest

from tests.stack.compose_files import ROOT, services

pytestmark = pytest.mark.e2e
SERVICES = services()


def run_tool(tool: str, service: str, *arguments: str) -> str:
    """Run a tool of a service's image, with grafana/ mounted as in Prometheus and tests/e2e at /tests."""
    folders = {ROOT / "grafana": "/etc/prometheus", ROOT / "tests/e2e": "/tests"}
    mounts = [option for host, inside in folders.items() for option in ("-v", f"{host}:{inside}:ro")]
    image = SERVICES[service].config["image"]
    command = ["docker", "run", "--rm", "--network", "none", *mounts, "--entrypoint", tool, image, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_prometheus_accepts_its_configuration() -> None:
    arguments = ("check", "config", "--lint=all", "--lint-fatal", "/etc/prometheus/prometheus.yml")
    assert "SUCCESS" in run_tool("promtool", "prometheus", *arguments)


def test_each_alert_fires_when_it_should_and_not_before() -> None:
    assert "SUCCESS" in run_tool("promtool", "prometheus", "test", "rules", "/tests/rules_test.yml")


def test_alertmanager_accepts_its_configuration() -> None:
    assert "SUCCESS" in run_tool("amtool", "alertmanager", "check-config", "/etc/prometheus/alertmanager.yml")
