"""What the images' own tools say of the files that are mounted into them."""

import subprocess

import pytest

from tests.stack.compose_files import ROOT, services

pytestmark = pytest.mark.e2e
SERVICES = services()


def said_by(tool: str, service: str, *arguments: str) -> str:
    """A tool of a service's image, run over grafana/ where Prometheus has it, and tests/e2e at /tests."""
    folders = {ROOT / "grafana": "/etc/prometheus", ROOT / "tests/e2e": "/tests"}
    mounts = [option for host, inside in folders.items() for option in ("-v", f"{host}:{inside}:ro")]
    image = SERVICES[service].told["image"]
    command = ["docker", "run", "--rm", "--network", "none", *mounts, "--entrypoint", tool, image, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_takes_its_configuration() -> None:
    asked = ("check", "config", "--lint=all", "--lint-fatal", "/etc/prometheus/prometheus.yml")
    assert "SUCCESS" in said_by("promtool", "prometheus", *asked)


def test_each_alert_comes_when_it_should_and_not_before() -> None:
    assert "SUCCESS" in said_by("promtool", "prometheus", "test", "rules", "/tests/rules_test.yml")


def test_alertmanager_takes_its_configuration() -> None:
    assert "SUCCESS" in said_by("amtool", "alertmanager", "check-config", "/etc/prometheus/alertmanager.yml")
